import { expect, test } from 'vitest';
import type { PolicyState } from '../../src/control-plane/policy-source.ts';
import { createRevisionTable, objectOf } from '../../src/control-plane/revision-table.ts';
import type { Policy } from '../../src/model/policy.ts';
import { createCell } from '../../src/model/readable.ts';
import { type ParseCache, parsePolicies } from '../../src/policy/parse-policies.ts';

const ref = 'VirtualService/shop/reviews';
const text = (timeout: string, comment = '') => `${comment}apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: reviews, namespace: shop }
spec:
  hosts: [reviews]
  http:
    - name: slow
      timeout: ${timeout}
      route: [{ destination: { host: reviews } }]
`;

function table() {
  let cache: ParseCache | undefined;
  const held = new Set<string>();
  const none: PolicyState = { diagnostics: [], history: [], checks: { passed: 0, failed: 0 }, checkMilliseconds: 0 };
  const state = createCell<PolicyState>(none);
  const revisions = createRevisionTable(state, () => held);
  const commits: string[] = [];
  const serve = (commit: string, of: string) => {
    const files = [{ path: 'policies/reviews.yaml', text: of }];
    const options = { commit, rootNamespace: 'istio-system', folders: 'free' as const };
    const parsed = parsePolicies(files, { ...options, ...(cache ? { previous: cache } : {}) });
    cache = parsed.cache;
    if (parsed.policies === undefined) throw new Error(JSON.stringify(parsed.diagnostics));
    commits.unshift(commit);
    const revision = (id: string) => {
      const about = { author: '', subject: '', time: '', errors: 0, warnings: 0 };
      return { commit: id, state: 'Applied' as const, ...about };
    };
    const history = commits.slice(0, 100).map(revision);
    state.set({ ...none, history, served: { policies: parsed.policies, revision: revision(commit), files: 1 } });
  };
  return { revisions, serve, held };
}

const timeout = (revisions: ReturnType<typeof table>['revisions'], commit: string) =>
  revisions.place(commit, ref, 'timeout', { rule: 'slow' });

test('a line is that of the revision that a proxy holds, with what became of it since', () => {
  const { revisions, serve } = table();
  serve('c1', text('1s'));
  serve('c2', text('1s', '# moved\n# down\n'));
  expect(timeout(revisions, 'c1')).toMatchObject({ ref, field: 'spec.http[0].timeout', at: { line: 8 }, now: 'same' });
  expect(timeout(revisions, 'c2')).toMatchObject({ at: { line: 10 }, now: 'same' });
  serve('c3', text('3s'));
  expect(timeout(revisions, 'c2')).toMatchObject({ at: { line: 10 }, commit: 'c2', now: 'changed' });
  serve('c4', '');
  expect(timeout(revisions, 'c3')).toMatchObject({ at: { line: 8 }, now: 'removed' });
  expect(timeout(revisions, 'c4')).toBeUndefined();
});

test('revisions are kept while a proxy holds them, or they are among the last ones; objects of unchanged text are shared', () => {
  const { revisions, serve, held } = table();
  serve('c0', text('1s'));
  held.add('c0');
  serve('c1', text('1s'));
  expect(objectOf(revisions.of('c0'), ref)).toBe(objectOf(revisions.of('c1'), ref));
  for (let commit = 2; commit < 40; commit += 1) serve(`c${commit}`, text(`${commit}s`));
  expect(revisions.of('c0')).toBeDefined();
  expect(revisions.of('c1')).toBeUndefined();
  expect(revisions.of('c39')).toBeDefined();
  held.clear();
  serve('c40', text('40s'));
  expect(revisions.of('c0')).toBeUndefined();
  // Of a revision that nobody keeps a line is told as it stands now.
  expect(timeout(revisions, 'c0')).toMatchObject({ at: { line: 8 }, commit: 'c40' });
});

test('what an object said before it came to say what it says', () => {
  const { revisions, serve } = table();
  serve('c1', text('1s'));
  serve('c2', text('2s'));
  serve('c3', text('2s', '# a comment alone\n'));
  const now = objectOf(revisions.of('c3'), ref) as Policy;
  expect(revisions.before(now)?.commit).toBe('c1');
  revisions.stop();
  serve('c4', text('4s'));
  expect(revisions.of('c4')).toBeUndefined();
});
