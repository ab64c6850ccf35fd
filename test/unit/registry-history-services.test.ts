import { describe, expect, test } from 'vitest';
import { createTreeCheck } from '../../src/control-plane/check-tree.ts';
import { grantedHosts } from '../../src/control-plane/granted-hosts.ts';
import { startPolicySource } from '../../src/control-plane/policy-source.ts';
import { checkedWith, createRegistryKnowledge } from '../../src/control-plane/registry-knowledge.ts';
import type { Workload } from '../../src/model/workload.ts';
import {
  catalog,
  controlPlane,
  destination,
  type Files,
  networking,
  reviews,
  route,
  service,
  told,
  treeOf,
  withPorts,
} from '../support/history-plane.ts';
import { memoryStore } from '../support/memory-store.ts';
import { settings, workload } from '../support/registry-values.ts';

describe('services that were written', () => {
  test('one that this commit removes is missed, whether or not its workloads are there', async () => {
    for (const members of [[catalog], [catalog, workload('reviews-9', 'other', 1, { labels: { app: 'reviews' } })]]) {
      const plane = await controlPlane(undefined, members);
      plane.commit({ a: route('host: reviews'), s: service('reviews') });
      const removed = plane.commit({ a: route('host: reviews') });
      expect(removed.policies).toBeUndefined();
      expect(told(removed)).toEqual([`error WEFT0101 ${destination}.host`]);
    }
  });

  test('one as which workloads join by its name is implied when it goes, also while they are away', async () => {
    const plane = await controlPlane(undefined, [reviews, catalog]);
    plane.commit({ a: route('host: reviews'), s: service('reviews') });
    expect(told(plane.commit({ a: route('host: reviews') }))).toEqual([]);
    plane.commit({ a: route('host: reviews'), s: service('reviews') });
    plane.leave(reviews);
    expect(told(plane.commit({ a: route('host: reviews') }))).toEqual([`warning WEFT0101 ${destination}.host`]);
  });

  test('a joined name in whose place a Service of another name stands is none, here or away', async () => {
    const plane = await controlPlane(undefined, [reviews, catalog]);
    const files = {
      a: route('host: reviews'),
      s: service('web').replace('app: web', 'app: reviews'),
    };
    expect(told(plane.commit(files))).toEqual([`error WEFT0101 ${destination}.host`]);
    plane.leave(reviews);
    expect(told(plane.commit(files))).toContain(`error WEFT0101 ${destination}.host`);
  });
});

describe('a service for which there is a token alone', () => {
  test('is a warning, with any port, and a like name is an error', async () => {
    const plane = await controlPlane(undefined, [catalog], ['reviews']);
    const found = plane.commit({ a: route('host: reviews, port: { number: 1234 }') });
    expect(told(found)).toEqual([`warning WEFT0101 ${destination}.host`]);
    expect(found.diagnostics[0]?.message).toBe(
      'no workload of service "reviews" has come yet, though a token is for it',
    );
    expect(told(plane.commit({ a: route('host: rewievs') }))).toEqual([`error WEFT0101 ${destination}.host`]);
  });

  test('as long as one is good', () => {
    const grant = {
      role: 'workload',
      namespace: 'shop',
      serviceAccount: 'a',
      addresses: [],
      ports: [],
    } as const;
    const list = () =>
      ['good', 'bad'].map((id) => ({ id, grant: { ...grant, services: [id] as const }, createdAt: 0, createdBy: '' }));
    const standing = (id: string) =>
      id === 'good' ? undefined : ({ code: 'WEFT0203', reason: 'revoked', message: '', hint: '' } as const);
    expect(grantedHosts({ list, standing }, settings)).toEqual(new Set(['good.shop.svc.cluster.local']));
  });
});

test('before anybody has ever joined nothing is held against a commit; a name that never came is an error afterwards', async () => {
  const plane = await controlPlane();
  expect(told(plane.commit({ a: route('host: rewievs') }))).toEqual([
    'warning WEFT0101 spec.hosts[0]',
    `warning WEFT0101 ${destination}.host`,
  ]);
  const later = await controlPlane(undefined, [catalog]);
  expect(told(later.commit({ a: route('host: rewievs') }))).toEqual([`error WEFT0101 ${destination}.host`]);
});

describe('a misspelt name in what was taken before anybody joined', () => {
  const typo = route('host: rewievs');
  const wrong = [`error WEFT0101 ${destination}.host`];

  test('is an error from the first join on, with what else there is', async () => {
    const plane = await controlPlane();
    expect(plane.commit({ a: typo }).policies).toBeDefined();
    plane.join(reviews, catalog);
    const again = plane.commit({ a: typo });
    expect(told(again)).toEqual(wrong);
    expect(again.diagnostics.find(({ code }) => code === 'WEFT0101')?.hint).toBe('did you mean "reviews"?');
    expect(plane.commit({ a: typo, z: service('db') }).policies).toBeUndefined();
    expect(plane.commit({ a: route('host: reviews') }).policies).toBeDefined();
    expect(told(plane.commit({ a: typo }))).toEqual(wrong);
  });

  test('and after a restart, which keeps what is served', async () => {
    const store = memoryStore();
    const start = async (files: Files, commit: string, members: readonly Workload[]) => {
      const plane = await controlPlane(store, []);
      const source = await startPolicySource({
        repository: {
          location: '/p',
          signature: async () => 'x',
          readHead: async () => ({ ...treeOf(files), commit }),
          readCommit: async (of) => ({ ...treeOf({ a: typo }), commit: of }),
        },
        check: plane.check,
        store,
        pollMilliseconds: 60_000,
      });
      plane.join(...members);
      await source.recheck();
      await source.stop();
      await plane.restart();
      const { head, served, diagnostics } = source.state.get();
      return { head: head?.state, served: served?.revision.commit, told: told({ policies: undefined, diagnostics }) };
    };
    const joined = [reviews, catalog];
    const accepted = { head: 'Applied', served: 'one', told: wrong };
    expect(await start({ a: typo }, 'one', joined)).toEqual(accepted);
    expect(await start({ a: typo }, 'one', joined)).toEqual(accepted);
    const next = await start({ a: typo, z: service('db') }, 'two', joined);
    expect(next).toMatchObject({ head: 'Rejected', served: 'one' });
    expect(next.told).toContain(wrong[0]);
  });
});

test('who checks a commit with what the server says it knows judges as the server does', async () => {
  const plane = await controlPlane(undefined, [reviews, catalog, workload('db-1', 'db', 19_090)], ['pay']);
  const two = networking('VirtualService', 'd', '{ hosts: [db], http: [{ route: [{ destination: { host: db } }] }] }');
  const first = plane.commit({ a: two });
  expect(first.policies).toBeDefined();
  plane.leave(reviews);
  plane.join(withPorts('db-2', 'db', [9081, 'http'], [7777, 'http']));
  const against = () => ({ settings, joined: () => plane.present(), away: plane.away(), expected: plane.expected });
  const { policies } = first;
  const revision = {
    commit: 'c',
    author: '',
    subject: '',
    time: '',
    state: 'Applied',
    errors: 0,
    warnings: 0,
  } as const;
  const letIn = { callers: [], allowing: [], modes: [] };
  const served = () => policies && { policies, revision, files: 1 };
  const knowledge = createRegistryKnowledge(served, against, () => letIn)();
  const said = JSON.parse(JSON.stringify(knowledge));
  for (const text of [
    'host: reviews',
    'host: pay',
    'host: rewievs',
    'host: db',
    'host: reviews, port: { number: 1 }',
  ]) {
    const files = { a: two, b: route(text) };
    const elsewhere = createTreeCheck({
      settings,
      folders: 'namespace',
      root: 'policies',
      joined: () => plane.present(),
      ...checkedWith(said),
    });
    const here = plane.commit(files);
    const there = elsewhere(treeOf(files));
    expect(told(there), text).toEqual(told(here));
    // The next one is asked beside the same commit.
    plane.commit({ a: two });
  }
});

test('a standing error excuses as many fields as have it, not a new one of the same words', async () => {
  const plane = await controlPlane(undefined, [reviews, catalog]);
  const rules = (...all: readonly string[]) =>
    networking('VirtualService', 'c', `{ hosts: [catalog], http: [${all.join()}] }`);
  const rule = (more: string) => `{ ${more}, route: [{ destination: { host: reviews } }] }`;
  const [old, fresh] = [rule('timeout: 1s'), rule('match: [{ uri: { prefix: /new } }]')];
  expect(plane.commit({ a: rules(old) }).policies).toBeDefined();
  plane.join(withPorts('reviews-2', 'reviews', [9081, 'http']), withPorts('catalog-2', 'catalog', [7777, 'http']));
  expect(plane.commit({ a: rules(fresh, old) }).policies).toBeUndefined();
  expect(
    plane.commit({ a: rules(rule('match: [{ uri: { prefix: /catalog } }], timeout: 2s')) }).policies,
  ).toBeDefined();
  const moved = rules('{ match: [{ uri: { prefix: /x } }], route: [{ destination: { host: catalog } }] }', old);
  expect(told(plane.commit({ a: moved }))).toContain('warning WEFT0112 spec.http[1].route[0].destination.host');
});

test('a head that came while the server was down is judged beside what was served', async () => {
  const store = memoryStore();
  const text = route('host: reviews');
  const start = async (files: Files, members: readonly Workload[], seenBefore: Files = files) => {
    const plane = await controlPlane(store, members);
    const source = await startPolicySource({
      repository: {
        location: '/p',
        signature: async () => 'x',
        readHead: async () => ({ ...treeOf(files), commit: `c${Object.keys(files).length}` }),
        readCommit: async (commit) => ({ ...treeOf(seenBefore), commit }),
      },
      check: plane.check,
      store,
      pollMilliseconds: 60_000,
    });
    await source.stop();
    await plane.restart();
    return source.state.get().head?.state;
  };
  const more = withPorts('reviews-2', 'reviews', [9081, 'http']);
  const other = withPorts('catalog-2', 'catalog', [7777, 'http']);
  expect(await start({ a: text }, [reviews, catalog])).toBe('Applied');
  expect(await start({ a: text, z: service('db') }, [reviews, more, catalog, other], { a: text })).toBe('Applied');
});
