import type { Mesh } from '../model/mesh.ts';
import type { Proxy } from '../model/proxy.ts';
import type { Readable } from '../model/readable.ts';
import type { Clock } from '../model/state-store.ts';
import type { OwnAnswers } from '../telemetry/own-questions.ts';
import { type AskedAuthorizer, askedAuthorizer, authorizerText } from './asked-authorizer.ts';
import { type FetchedKeys, fetchedKeys, keysText } from './fetched-keys.ts';
import { createQuestionDesk, type QuestionLog, type Unanswered } from './question-desk.ts';

/** What the newest questions came to that the sidecar of a workload asked by itself; undefined: nothing failed. */
export interface FailingQuestions {
  /** Without keys it takes no token of their issuer (T23). */
  readonly keys: (proxy: Proxy) => Unanswered<FetchedKeys> | undefined;
  readonly authorizer: (proxy: Proxy) => Unanswered<AskedAuthorizer> | undefined;
}

/** Follows both. */
export function createFailingQuestions(of: {
  readonly mesh: Readable<Mesh | undefined>;
  readonly logger: QuestionLog;
  readonly clock: Clock;
}): FailingQuestions & { record(proxy: Proxy, answers: OwnAnswers): void } {
  const { mesh, logger, clock } = of;
  const askedBy =
    <Asked>(find: (current: Mesh, proxy: Proxy) => readonly Asked[]) =>
    (proxy: Proxy): readonly Asked[] => {
      const current = mesh.get();
      return current === undefined ? [] : find(current, proxy);
    };
  const keys = createQuestionDesk<FetchedKeys>({
    asked: askedBy(fetchedKeys),
    nameOf: ({ uri }) => uri,
    isLasting: true,
    words: {
      component: 'tokens',
      failing: (among) => `${keysText(among)} cannot be fetched`,
      over: 'keys are fetched again',
    },
    ...{ logger, clock },
  });
  const authorizer = createQuestionDesk<AskedAuthorizer>({
    asked: askedBy(askedAuthorizer),
    nameOf: (asked) => authorizerText(asked.authorizer),
    isLasting: false,
    words: {
      component: 'authorization',
      failing: (among) => `${among.map((asked) => authorizerText(asked.authorizer)).join(', ')} does not answer`,
      over: 'the authorizer answers again',
    },
    ...{ logger, clock },
  });
  const desks = { keys, authorizer };
  return {
    keys: keys.failing,
    authorizer: authorizer.failing,
    record: (proxy, answers) => desks[answers.to].record(proxy, answers),
  };
}
