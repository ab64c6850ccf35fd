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
