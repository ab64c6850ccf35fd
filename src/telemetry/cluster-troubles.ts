import type { Proxy } from '../model/proxy.ts';
import { type HeldOut, heldOutBy, outReasons, type TlsTrouble, tlsTroubles } from '../model/traffic.ts';
import type { ClusterFigures } from './cluster-figures.ts';

/** What is wrong between a proxy and what it calls. */
export interface ClusterTrouble extends HeldOut {
  readonly proxy: Proxy;
  readonly cluster: string;
  /** In the window that was asked for. */
  readonly tls: ReadonlyMap<TlsTrouble, number>;
}

export interface ClusterTroubles {
  record(proxy: Proxy, figures: ClusterFigures, now: number): void;
  /** Those of the last `window` milliseconds, at most an hour. */
  recent(window: number, now: number): readonly ClusterTrouble[];
}

const minute = 60_000;
const hour = 60 * minute;
/** A gauge that was not said for so long is known no more: its proxy has gone, or its cluster. */
const gaugeStands = 90_000;
const kept = 10_000;

interface Failures {
  readonly at: number;
  readonly tls: ClusterFigures['tls'];
}

interface Known {
  readonly proxy: Proxy;
  readonly cluster: string;
  out: HeldOut;
  seen: number;
  /** One for each minute that had any, oldest first; `at`: the last report of it. */
  failures: readonly Failures[];
}

/** Troubles in memory, bounded: of at most 10,000 clusters of proxies, forgotten after an hour. */
export function createClusterTroubles(): ClusterTroubles {
  const known = new Map<string, Known>();
  const forget = (now: number) => {
    for (const [key, each] of known) {
      each.failures = each.failures.filter(({ at }) => at > now - hour);
      if (each.failures.length === 0 && (isEmpty(each.out) || each.seen < now - gaugeStands)) known.delete(key);
    }
  };
  return {
    record(proxy, { cluster, members, tls, ...figures }, now) {
      const key = `${proxy.id}\n${cluster}`;
      const failed = !isEmpty(tls);
      const of = members === undefined ? {} : { of: members };
      const out = heldOutBy((why) => (figures[why] ? { endpoints: figures[why], ...of } : undefined));
      const present = known.get(key);
      if (present === undefined && !failed && isEmpty(out)) return;
      if (present === undefined && known.size >= kept) forget(now);
      if (present === undefined && known.size >= kept) return;
      const each = present ?? { proxy, cluster, out: {}, seen: now, failures: [] };
      known.set(key, each);
      if (failed) each.failures = withFailures(each.failures, { at: now, tls });
      if (outReasons.every((why) => figures[why] === undefined)) return;
      each.out = out;
      each.seen = now;
    },
    recent(window, now) {
      forget(now);
      return [...known.values()].flatMap(({ proxy, cluster, out, seen, failures }) => {
        const stands = seen >= now - gaugeStands ? out : {};
        const lately = failures.filter(({ at }) => at > now - window);
        if (isEmpty(stands) && lately.length === 0) return [];
        const sum = (word: TlsTrouble) => lately.reduce((all, { tls }) => all + (tls[word] ?? 0), 0);
        const tls = new Map(tlsTroubles.map((word) => [word, sum(word)] as const).filter(([, count]) => count > 0));
        return [{ proxy, cluster, ...stands, tls }];
      });
    },
  };
}

function isEmpty(said: object): boolean {
  return Object.keys(said).length === 0;
}

/** Added up by minute, so that a proxy that reports often costs no more than one that does not. */
function withFailures(failures: readonly Failures[], next: Failures): readonly Failures[] {
  const last = failures.at(-1);
  if (last === undefined || Math.floor(last.at / minute) !== Math.floor(next.at / minute))
    return [...failures.filter(({ at }) => at > next.at - hour), next];
  const tls: { [Word in TlsTrouble]?: number } = { ...last.tls };
  for (const word of tlsTroubles) {
    const sum = (last.tls[word] ?? 0) + (next.tls[word] ?? 0);
    if (sum > 0) tls[word] = sum;
  }
  return [...failures.slice(0, -1), { at: next.at, tls }];
}
