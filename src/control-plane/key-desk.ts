import type { KeyServer } from '../model/ir-inbound.ts';
import type { Mesh } from '../model/mesh.ts';
import { provenance } from '../model/policy-provenance.ts';
import { type Provenance, refText } from '../model/provenance.ts';
import type { Proxy } from '../model/proxy.ts';
import type { Readable } from '../model/readable.ts';
import type { Clock } from '../model/state-store.ts';
import { resolveInbound } from '../resolve/inbound.ts';
import type { Sample } from '../telemetry/metrics-service.ts';

/** A rule whose keys a workload fetches; `by`: the line of its `jwksUri`. */
export interface FetchedKeys {
  readonly issuer: string;
  readonly uri: string;
  readonly keysFrom: KeyServer | undefined;
  readonly by: Provenance;
}

/** Keys that a workload's Envoy asked for in vain: while it has none it takes no token of their issuer (T23). Epoch milliseconds. */
export interface FailingKeys {
  /** One of them it is; which one, Envoy does not say. */
  readonly among: readonly FetchedKeys[];
  readonly failures: number;
  readonly since: number;
  readonly last: number;
}

/** Follows what Envoys say of the keys that they fetch. */
export interface KeyDesk {
  record(proxy: Proxy, samples: readonly Sample[]): void;
  /** What the newest fetches of a proxy came to; undefined: nothing failed, or not by the rules that stand now. */
  failing(proxy: Proxy): FailingKeys | undefined;
}

const minute = 60_000;
/** Nothing is known any more of keys that nobody asked for in so long. */
const stands = 60 * minute;
/** Where several are fetched a success may be of another one; so long keys are used, and those that fail are asked for at every token. */
const standsAmongSeveral = 5 * minute;
const kept = 10_000;

interface Failing extends Omit<FailingKeys, 'among'> {
  /** Of the rules that stood then. */
  readonly uris: string;
  /** Something else was fetched meanwhile. */
  readonly isMixed: boolean;
}

/** In memory, one entry for each proxy whose last fetch failed. Begin and end of it are told the log. */
export function createKeyDesk(of: {
  readonly mesh: Readable<Mesh | undefined>;
  readonly logger: Record<'warn' | 'info', (facts: Readonly<Record<string, unknown>>, message: string) => void>;
  readonly clock: Clock;
}): KeyDesk {
  const { mesh, logger, clock } = of;
  const known = new Map<string, Failing>();
  const fetchedNow = (proxy: Proxy) => {
    const current = mesh.get();
    return current === undefined ? [] : fetchedKeys(current, proxy);
  };
  const isOver = ({ last, isMixed }: Failing, now: number) => last <= now - (isMixed ? standsAmongSeveral : stands);
  const record = (proxy: Proxy, failed: number, fetched: number): void => {
    const now = clock.now();
    const among = fetchedNow(proxy);
    const uris = urisOf(among);
    const before = known.get(proxy.id);
    const present = before === undefined || before.uris !== uris || isOver(before, now) ? undefined : before;
    if (fetched > 0 && among.length < 2) {
      known.delete(proxy.id);
      if (before !== undefined) logger.info({ component: 'tokens', proxy: proxy.id }, 'keys are fetched again');
      return;
    }
    if (failed === 0 || among.length === 0) {
      if (present !== undefined) known.set(proxy.id, { ...present, isMixed: present.isMixed || fetched > 0 });
      return;
    }
    if (present === undefined && known.size >= kept)
      for (const [id, each] of known) if (isOver(each, now)) known.delete(id);
    if (present === undefined && known.size >= kept) return;
    known.set(proxy.id, {
      failures: failed + (present?.failures ?? 0),
      since: present?.since ?? now,
      last: now,
      uris,
      isMixed: fetched > 0 || present?.isMixed === true,
    });
    if (present !== undefined) return;
    const [first] = among;
    const place = first && { ref: refText(first.by.object), file: first.by.at.file, line: first.by.at.line };
    logger.warn({ component: 'tokens', proxy: proxy.id, ...place }, `${keysText(among)} cannot be fetched`);
  };
  return {
    record(proxy, samples) {
      for (const sample of samples) if (sample.kind === 'keys') record(proxy, sample.failed, sample.fetched);
    },
    failing(proxy) {
      const each = known.get(proxy.id);
      if (each === undefined || isOver(each, clock.now())) return undefined;
      const among = fetchedNow(proxy);
      const { failures, since, last, uris } = each;
      return urisOf(among) === uris ? { among, failures, since, last } : undefined;
    },
  };
}

/** `the keys of https://accounts.example at http://keys/jwks.json`, or those of one of several. */
export function keysText(among: readonly FetchedKeys[]): string {
  const all = among.map(({ issuer, uri }) => `${issuer} at ${uri}`);
  return all.length === 1 ? `the keys of ${all[0]}` : `the keys of one of ${all.join(', ')}`;
}

/** The rules of a workload whose keys are fetched, each URL once. */
export function fetchedKeys(mesh: Mesh, proxy: Proxy): readonly FetchedKeys[] {
  const tokens = resolveInbound(mesh, proxy).find((port) => port.tokens)?.tokens;
  const found = (tokens?.rules ?? []).flatMap(({ rule, by, keysFrom }) => {
    if (rule.keys.kind !== 'remote') return [];
    const text = refText(by.object);
    const object = mesh.policies.objects.find((each) => refText(each) === text);
    const place = object === undefined ? by : provenance(object, `${by.field}.jwksUri`);
    return [[rule.keys.uri, { issuer: rule.issuer, uri: rule.keys.uri, keysFrom, by: place }] as const];
  });
  return [...new Map([...found].reverse()).values()].reverse();
}

function urisOf(among: readonly FetchedKeys[]): string {
  return among.map(({ uri }) => uri).join('\n');
}
