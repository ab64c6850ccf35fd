import { type Provenance, refText } from '../model/provenance.ts';
import type { Proxy } from '../model/proxy.ts';
import type { Clock } from '../model/state-store.ts';
import type { OwnAnswers } from '../telemetry/own-questions.ts';

/** What a workload's Envoy asked for by itself in vain. Epoch milliseconds. */
export interface Unanswered<Asked> {
  /** One of them it is; which one, Envoy does not say. */
  readonly among: readonly Asked[];
  readonly failures: number;
  readonly since: number;
  readonly last: number;
  /** Beside the newest failures something was answered. */
  readonly isMixed: boolean;
}

/** Follows what came of the questions that Envoys ask by themselves. */
export interface QuestionDesk<Asked> {
  record(proxy: Proxy, answers: OwnAnswers): void;
  /** What the newest questions of a proxy came to; undefined: nothing failed, or not by the policies that stand now. */
  failing(proxy: Proxy): Unanswered<Asked> | undefined;
}

export type QuestionLog = Record<'warn' | 'info', (facts: Readonly<Record<string, unknown>>, message: string) => void>;

const minute = 60_000;
/** Nothing is known any more of what nobody asked for in so long. */
const stands = 60 * minute;
/** Where others were answered meanwhile; so long keys are used, and those that fail are asked for at every token. */
const standsMixed = 5 * minute;
const kept = 10_000;

interface Failing extends Omit<Unanswered<unknown>, 'among'> {
  /** Of those who were asked then. */
  readonly names: string;
}

/** In memory, one entry for each proxy whose last question failed. Begin and end of it are told the log. */
export function createQuestionDesk<Asked extends { readonly by: Provenance }>(of: {
  /** Whom a proxy asks by the policies that stand now. */
  readonly asked: (proxy: Proxy) => readonly Asked[];
  /** Equal where the same is asked. */
  readonly nameOf: (asked: Asked) => string;
  /** An answer serves for a while, so that one is enough; else each call has a question of its own. */
  readonly isLasting: boolean;
  readonly words: {
    readonly component: string;
    readonly failing: (among: readonly Asked[]) => string;
    readonly over: string;
  };
  readonly logger: QuestionLog;
  readonly clock: Clock;
}): QuestionDesk<Asked> {
  const { asked, isLasting, words, logger, clock } = of;
  const { component } = words;
  const known = new Map<string, Failing>();
  const namesOf = (among: readonly Asked[]) => among.map(of.nameOf).join('\n');
  const isOver = ({ last, isMixed }: Failing, now: number) => last <= now - (isMixed ? standsMixed : stands);
  return {
    record(proxy, { failed, answered }) {
      const now = clock.now();
      const among = asked(proxy);
      const names = namesOf(among);
      const before = known.get(proxy.id);
      const present = before === undefined || before.names !== names || isOver(before, now) ? undefined : before;
      if (answered > 0 && among.length < 2 && (isLasting || failed === 0)) {
        known.delete(proxy.id);
        if (before !== undefined) logger.info({ component, proxy: proxy.id }, words.over);
        return;
      }
      if (failed === 0 || among.length === 0) {
        if (present !== undefined) known.set(proxy.id, { ...present, isMixed: true });
        return;
      }
      if (present === undefined && known.size >= kept)
        for (const [id, each] of known) if (isOver(each, now)) known.delete(id);
      if (present === undefined && known.size >= kept) return;
      known.set(proxy.id, {
        failures: failed + (present?.failures ?? 0),
        since: present?.since ?? now,
        last: now,
        names,
        isMixed: answered > 0,
      });
      if (present !== undefined) return;
      const [first] = among;
      const place = first && { ref: refText(first.by.object), file: first.by.at.file, line: first.by.at.line };
      logger.warn({ component, proxy: proxy.id, ...place }, words.failing(among));
    },
    failing(proxy) {
      const each = known.get(proxy.id);
      if (each === undefined || isOver(each, clock.now())) return undefined;
      const among = asked(proxy);
      const { names, ...found } = each;
      return namesOf(among) === names ? { among, ...found } : undefined;
    },
  };
}
