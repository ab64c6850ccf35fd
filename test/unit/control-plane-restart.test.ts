import { expect, test } from 'vitest';
import { createTreeCheck } from '../../src/control-plane/check-tree.ts';
import type { PolicyRepository } from '../../src/control-plane/git-repository.ts';
import { startPolicySource } from '../../src/control-plane/policy-source.ts';
import type { Workload } from '../../src/model/workload.ts';
import type { PolicyTree } from '../../src/policy/git-tree.ts';
import { memoryStore } from '../support/memory-store.ts';
import { byId, settings, workload } from '../support/registry-values.ts';

const routed = `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: reviews, namespace: shop }
spec: { hosts: [reviews], http: [{ route: [{ destination: { host: reviews } }] }] }
`;

function repositoryOf(commit: string, text: string): PolicyRepository {
  const files = [{ path: 'policies/shop/reviews.yaml', text }];
  const tree: PolicyTree = { commit, files, diagnostics: [], author: 'Ana', subject: 's', time: 0 };
  return { location: '/p', signature: async () => commit, readHead: async () => tree, readCommit: async () => tree };
}

const reviewsOne = workload('reviews-1', 'reviews', 19_080);
const catalogOne = workload('catalog-1', 'catalog', 19_081);

/** A start with these workloads known; what is served and how the head stands. */
async function start(store: ReturnType<typeof memoryStore>, repository: PolicyRepository, known: readonly Workload[]) {
  const check = createTreeCheck({ settings, folders: 'namespace', root: 'policies', joined: () => byId(...known) });
  const source = await startPolicySource({ repository, check, store, pollMilliseconds: 60_000 });
  await source.stop();
  const { served, head } = source.state.get();
  return { served: served?.revision.commit, head: head?.state };
}

test('a commit that was accepted stays good over a restart while a workload of its routes is away (F13)', async () => {
  const store = memoryStore();
  const reviews = workload('reviews-1', 'reviews', 19_080);
  const other = workload('catalog-1', 'catalog', 19_081);
  expect(await start(store, repositoryOf('aaaaaaa', routed), [reviews, other])).toEqual({
    served: 'aaaaaaa',
    head: 'Applied',
  });
  expect(await start(store, repositoryOf('aaaaaaa', routed), [other])).toEqual({ served: 'aaaaaaa', head: 'Applied' });
});

test('a new commit to nothing is refused, and the accepted one is served', async () => {
  const store = memoryStore();
  const other = workload('catalog-1', 'catalog', 19_081);
  const reviews = workload('reviews-1', 'reviews', 19_080);
  await start(store, repositoryOf('aaaaaaa', routed), [reviews, other]);
  const repository = repositoryOf('bbbbbbb', routed.replaceAll('reviews', 'rewievs'));
  const { readCommit } = repositoryOf('aaaaaaa', routed);
  expect(await start(store, { ...repository, readCommit }, [other])).toEqual({ served: 'aaaaaaa', head: 'Rejected' });
});

test('an accepted object is not held against a later commit while its workload is away; a changed one is', () => {
  const known = new Map([reviewsOne, catalogOne].map((one) => [one.id, one]));
  const check = createTreeCheck({ settings, folders: 'namespace', root: 'policies', joined: () => known });
  const tree = (commit: string, text: string, more = ''): PolicyTree => ({
    commit,
    files: [
      { path: 'policies/shop/reviews.yaml', text },
      { path: 'policies/shop/more.yaml', text: more },
    ],
    diagnostics: [],
    author: 'Ana',
    subject: 's',
    time: 0,
  });
  expect(check(tree('aaaaaaa', routed)).policies?.commit).toBe('aaaaaaa');
  known.delete(reviewsOne.id);
  const service =
    'apiVersion: v1\nkind: Service\nmetadata: { name: db, namespace: shop }\nspec: { selector: { app: db }, ports: [{ port: 80, name: http }] }\n';
  const later = check(tree('bbbbbbb', routed, service));
  expect(later.policies?.commit).toBe('bbbbbbb');
  expect(later.diagnostics).toContainEqual(expect.objectContaining({ code: 'WEFT0101', severity: 'warning' }));
  const changed = check(
    tree('ccccccc', routed.replace('metadata: { name: reviews,', 'metadata: { name: reviews2,'), service),
  );
  expect(changed.policies).toBeUndefined();
});

test('a commit that was refused for a missing workload is served when the workload has come', async () => {
  const known = new Map([[catalogOne.id, catalogOne]]);
  const check = createTreeCheck({ settings, folders: 'namespace', root: 'policies', joined: () => known });
  const repository = repositoryOf('aaaaaaa', routed);
  const source = await startPolicySource({ repository, check, store: memoryStore(), pollMilliseconds: 60_000 });
  expect(source.state.get()).toMatchObject({ head: { state: 'Rejected' } });
  known.set(reviewsOne.id, reviewsOne);
  source.recheck();
  await source.refresh();
  expect(source.state.get()).toMatchObject({ head: { state: 'Applied' }, served: { revision: { commit: 'aaaaaaa' } } });
  await source.stop();
});
