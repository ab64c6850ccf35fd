import { type KindDefinition, refusedKind } from '../kind-definition.ts';
import { anything, list, names, object, refused } from '../shape-builders.ts';
import { matchLabels } from './common.ts';

/** Kinds of the other groups that are refused as a whole for now (sections 1.1, 3.4, 3.5, 6 and 7 of policy-surface.md). */

/** Labels and annotations only, and no body: it stands before the objects of many a file. */
export const namespace: KindDefinition = {
  kind: 'Namespace',
  apiVersions: ['v1'],
  spec: object({
    spec: refused('never', names('finalizers'), {
      hint: 'remove it: labels and annotations are all that is read of a namespace',
    }),
  }),
  security: false,
  body: 'document',
  ignored: 'a namespace is there with the first object or workload in it, and no policy reads its labels',
};

const weft = ['weft.dev/v1alpha1'];

export const rateLimit = refusedKind(
  'RateLimit',
  weft,
  'T1',
  object({
    selector: matchLabels,
    port: anything,
    limits: list(
      object({
        name: anything,
        match: anything,
        key: anything,
        requests: anything,
        per: anything,
        burst: anything,
      }),
    ),
    scope: anything,
  }),
  {
    hint: 'remove it where the service stands without a limit; connectionPool of a DestinationRule bounds what one client has open',
  },
);

export const rollout = refusedKind(
  'Rollout',
  weft,
  'T1',
  object({
    waves: list(object({ name: anything, proxies: matchLabels, bake: anything, atMostPercent: anything })),
    advance: names('acked', 'serverErrorPercent'),
    onFailure: anything,
  }),
  { rootOnly: true, hint: 'remove it: a commit goes to all proxies at once, and git revert takes it back' },
);

export const policyTest = refusedKind(
  'PolicyTest',
  weft,
  'T1',
  object({ cases: list(object({ name: anything, from: anything, request: anything, expect: anything })) }),
  { hint: 'remove it: weft authz -f and weft route -f ask the same of files, and answer by their exit codes' },
);
