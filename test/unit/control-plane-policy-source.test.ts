import { afterEach, describe, expect, test } from 'vitest';
import { controlPlaneMetrics } from '../../src/control-plane/control-plane-metrics.ts';
import type { PolicyRepository } from '../../src/control-plane/git-repository.ts';
import {
  type CheckTree,
  type PolicySource,
  type PolicyState,
  startPolicySource,
} from '../../src/control-plane/policy-source.ts';
import type { Diagnostic } from '../../src/model/diagnostic.ts';
import { Failure } from '../../src/model/failure.ts';
import type { StateStore } from '../../src/model/state-store.ts';
import type { PolicyTree } from '../../src/policy/git-tree.ts';
import { memoryStore } from '../support/memory-store.ts';

/** A repository whose commits are texts: `good` texts pass the check, others have an error. */
interface FakeRepository extends PolicyRepository {
  commit(id: string, text: string): void;
  /** What git says from now on; undefined: it answers again. */
  broken: Failure | undefined;
  /** Makes a commit unreachable, as a force-push and gc do. */
  forget(id: string): void;
  heads: number;
}

function fakeRepository(): FakeRepository {
  const commits = new Map<string, string>();
  let head = '';
  const treeOf = (id: string): PolicyTree => {
    const text = commits.get(id);
    if (text === undefined) throw new Failure('WEFT0961', `git knows no commit "${id}"`, 'see git log');
    const files = [{ path: 'policies/shop/a.yaml', text }];
    return { commit: id, files, diagnostics: [], author: 'Ana', subject: text, time: 0 };
  };
  const repository: FakeRepository = {
    location: '/policies',
    broken: undefined,
    heads: 0,
    commit(id, text) {
      commits.set(id, text);
      head = id;
    },
    forget: (id) => commits.delete(id),
    async signature() {
      return `${head} ${repository.broken?.message ?? ''}`;
    },
    async readHead() {
      repository.heads += 1;
      if (repository.broken) throw repository.broken;
      return treeOf(head);
    },
    async readCommit(id) {
      if (repository.broken) throw repository.broken;
      return treeOf(id);
    },
  };
  return repository;
}

const finding = (severity: 'error' | 'warning', message: string): Diagnostic => ({
  code: severity === 'error' ? 'WEFT0002' : 'WEFT0110',
  severity,
  message,
  hint: '',
  at: { file: 'policies/shop/a.yaml', line: 1, column: 1, endLine: 1, endColumn: 2 },
});

const running: PolicySource[] = [];
afterEach(() => {
  for (const source of running.splice(0)) source.stop();
});

/** A source that looks only when told, and every state that a watcher was shown. */
async function start(
  repository: PolicyRepository,
  store: StateStore = memoryStore(),
  more: () => Diagnostic[] = () => [],
) {
  const check: CheckTree = ({ commit, files }) => {
    const good = files.every(({ text }) => text.startsWith('good'));
    const diagnostics = [...(good ? [] : [finding('error', 'bad')]), ...more()];
    return { policies: good ? { commit, objects: [] } : undefined, diagnostics };
  };
  const source = await startPolicySource({ repository, check, store, pollMilliseconds: 3_600_000 });
  running.push(source);
  const told: PolicyState[] = [];
  source.state.watch((state) => told.push(state));
  return { source, told };
}

const served = (source: PolicySource) => source.state.get().served?.revision.commit;
const newest = (source: PolicySource) => {
  const { head } = source.state.get();
  return head && `${head.commit} ${head.state} ${head.errors}`;
};

describe('F13 the last good revision stays', () => {
  test('good, bad, good', async () => {
    const repository = fakeRepository();
    repository.commit('aaa', 'good 1');
    const { source, told } = await start(repository);
    expect(source.location).toBe('/policies');
    expect([served(source), newest(source)]).toEqual(['aaa', 'aaa Applied 0']);
    const before = source.state.get().served;

    repository.commit('bbb', 'bad');
    await source.refresh();
    expect(newest(source)).toBe('bbb Rejected 1');
    expect(source.state.get().served).toBe(before);
    expect(source.state.get().diagnostics).toEqual([finding('error', 'bad')]);

    repository.commit('ccc', 'good 2');
    await source.refresh();
    expect([served(source), newest(source)]).toEqual(['ccc', 'ccc Applied 0']);
    expect(source.state.get().diagnostics).toEqual([]);
    expect(source.state.get().history.map(({ commit, state }) => `${commit} ${state}`)).toEqual([
      'ccc Applied',
      'bbb Rejected',
      'aaa Applied',
    ]);
    expect(told).toHaveLength(2);
  });

  test('a restart on a bad head serves it', async () => {
    const repository = fakeRepository();
    const store = memoryStore();
    repository.commit('aaa', 'good 1');
    const first = await start(repository, store);
    first.source.stop();
    repository.commit('bbb', 'bad');
    const { source } = await start(repository, store);
    expect([served(source), newest(source)]).toEqual(['aaa', 'bbb Rejected 1']);
    expect(source.state.get().diagnostics).toEqual([finding('error', 'bad')]);
    expect(source.state.get().history.map(({ commit }) => commit)).toEqual(['bbb', 'aaa']);
  });

  test('a restart while the repository cannot be read serves it as soon as it can, be the head good or bad', async () => {
    const repository = fakeRepository();
    const store = memoryStore();
    repository.commit('aaa', 'good 1');
    await start(repository, store);
    repository.commit('bbb', 'bad');
    repository.broken = new Failure('WEFT0960', 'no repository', 'git init');
    const { source } = await start(repository, store);
    expect(served(source)).toBeUndefined();
    expect(source.state.get().failure?.code).toBe('WEFT0960');
    repository.broken = undefined;
    await source.refresh();
    expect([served(source), newest(source)]).toEqual(['aaa', 'bbb Rejected 1']);
    expect(source.state.get().failure).toBeUndefined();
  });

  test('a restart on a bad head whose last good is gone serves nothing and does not fail', async () => {
    const repository = fakeRepository();
    const store = memoryStore();
    repository.commit('aaa', 'good 1');
    await start(repository, store);
    repository.forget('aaa');
    repository.commit('bbb', 'bad');
    const { source } = await start(repository, store);
    expect([served(source), newest(source)]).toEqual([undefined, 'bbb Rejected 1']);
  });

  test('uncommitted edits are served, and their commit is what a restart goes back to', async () => {
    const repository = fakeRepository();
    const store = memoryStore();
    repository.commit('aaa', 'good 1');
    repository.commit('aaa+edits', 'good 2');
    const { source } = await start(repository, store);
    expect(served(source)).toBe('aaa+edits');
    expect(new TextDecoder().decode(store.content.get('policy/last-good'))).toBe('aaa');
  });
});

describe('a repository that cannot be read', () => {
  test('shows the failure once, and what is served stays', async () => {
    const repository = fakeRepository();
    repository.commit('aaa', 'good 1');
    const { source, told } = await start(repository);
    repository.broken = new Failure('WEFT0962', 'commit 1234567 has no folder "policies"', 'create policies/');
    for (let time = 0; time < 3; time += 1) await source.refresh();
    expect(source.state.get().failure).toBe(repository.broken);
    expect(served(source)).toBe('aaa');
    expect(told).toHaveLength(1);
    repository.broken = undefined;
    await source.refresh();
    expect(source.state.get().failure).toBeUndefined();
    expect(told).toHaveLength(2);
  });

  test('an error that is no Failure is told as WEFT0906', async () => {
    const repository = fakeRepository();
    repository.commit('aaa', 'good 1');
    const { source } = await start({
      ...repository,
      signature: async () => {
        throw new RangeError('out of range');
      },
    });
    expect(source.state.get().failure).toMatchObject({ code: 'WEFT0906', message: 'RangeError: out of range' });
  });

  test('a force-push to another history is a new head like any other', async () => {
    const repository = fakeRepository();
    repository.commit('aaa', 'good 1');
    const { source } = await start(repository);
    repository.forget('aaa');
    repository.commit('zzz', 'bad');
    await source.refresh();
    expect([served(source), newest(source)]).toEqual(['aaa', 'zzz Rejected 1']);
    repository.commit('yyy', 'good 2');
    await source.refresh();
    expect(served(source)).toBe('yyy');
  });
});

describe('F21 a store that takes nothing', () => {
  test('does not keep a good commit from being served; it is remembered later', async () => {
    const repository = fakeRepository();
    const kept = memoryStore();
    let full = true;
    const store: StateStore = {
      ...kept,
      async write(key, value) {
        if (full) throw new Failure('WEFT0904', 'no space left on the device (ENOSPC)', 'free some space');
        await kept.write(key, value);
      },
    };
    repository.commit('aaa', 'good 1');
    const { source, told } = await start(repository, store);
    expect(served(source)).toBe('aaa');
    expect(source.state.get().failure?.code).toBe('WEFT0904');
    await source.refresh();
    await source.refresh();
    expect(told).toHaveLength(0);
    expect(repository.heads).toBe(1);
    full = false;
    await source.refresh();
    expect(source.state.get().failure).toBeUndefined();
    expect(kept.content.has('policy/last-good')).toBe(true);
    await source.refresh();
    expect(told).toHaveLength(1);
  });
});

describe('nothing is done or said twice', () => {
  test('an unchanged head is not read again', async () => {
    const repository = fakeRepository();
    repository.commit('aaa', 'good 1');
    const { source, told } = await start(repository);
    await Promise.all([source.refresh(), source.refresh(), source.refresh()]);
    expect(repository.heads).toBe(1);
    expect(told).toEqual([]);
  });

  test('a head that was there before is moved to the front of the history', async () => {
    const repository = fakeRepository();
    repository.commit('aaa', 'good 1');
    const { source } = await start(repository);
    repository.commit('bbb', 'good 2');
    await source.refresh();
    repository.commit('aaa', 'good 1');
    await source.refresh();
    expect(source.state.get().history.map(({ commit }) => commit)).toEqual(['aaa', 'bbb']);
  });

  test('the history ends at 100 entries; the counts go on', async () => {
    const repository = fakeRepository();
    repository.commit('c0', 'good 0');
    const { source } = await start(repository);
    for (let number = 1; number < 120; number += 1) {
      repository.commit(`c${number}`, number % 4 === 0 ? 'bad' : 'good');
      await source.refresh();
    }
    const { history, checks } = source.state.get();
    expect([history.length, history[0]?.commit, history[99]?.commit]).toEqual([100, 'c119', 'c20']);
    expect(checks).toEqual({ passed: 91, failed: 29 });
    const joined = { connected: 0, lost: 0, draining: 0, withheldRemovals: 0, stale: [], problem: undefined };
    const metrics = controlPlaneMetrics({
      policies: source.state.get(),
      joined,
      overflow: 0,
      withoutLocalPort: 0,
      nacks: new Map(),
      sent: { responses: 0, bytes: 0 },
      refusals: { entries: [], wanted: () => undefined, placeOf: () => undefined },
    });
    const value = (name: string) => metrics.find((family) => family.name === name)?.samples[0]?.value;
    expect([value('galley_validation_passed'), value('galley_validation_failed')]).toEqual([91, 29]);
  });
});

describe('recheck', () => {
  test('changes findings and nothing else, and only when they differ', async () => {
    const repository = fakeRepository();
    repository.commit('aaa', 'good 1');
    let found: Diagnostic[] = [];
    const { source, told } = await start(repository, memoryStore(), () => found);
    const before = source.state.get();
    await source.recheck();
    expect(told).toEqual([]);
    found = [finding('warning', 'no workload has this label')];
    await source.recheck();
    await source.recheck();
    expect(told).toHaveLength(1);
    expect(source.state.get()).toEqual({ ...before, diagnostics: found });
    found = [finding('error', 'worse')];
    await source.recheck();
    expect(source.state.get().served).toBe(before.served);
    expect(repository.heads).toBe(1);
  });

  test('before any head says nothing', async () => {
    const repository = fakeRepository();
    repository.broken = new Failure('WEFT0960', 'no repository', 'git init');
    const { source, told } = await start(repository);
    await source.recheck();
    expect(told).toEqual([]);
  });
});
