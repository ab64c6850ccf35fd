import { performance } from 'node:perf_hooks';
import type { Diagnostic } from '../model/diagnostic.ts';
import { Failure } from '../model/failure.ts';
import type { PolicySet } from '../model/policy.ts';
import { type Cell, createCell, type Readable } from '../model/readable.ts';
import type { StateStore } from '../model/state-store.ts';
import type { RevisionStatus } from '../model/status.ts';
import type { PolicyTree } from '../policy/git-tree.ts';
import type { PolicyRepository } from './git-repository.ts';

export interface CheckedTree {
  readonly policies: PolicySet | undefined;
  readonly diagnostics: readonly Diagnostic[];
}

/** Text to checked objects; with the registry `unknown`, what depends on workloads is not held against them. */
export type CheckTree = (tree: PolicyTree, registry?: 'unknown') => CheckedTree;

/** What is served and what the head is. */
export interface PolicyState {
  readonly served?: { readonly policies: PolicySet; readonly revision: RevisionStatus; readonly files: number };
  /** The newest revision that was looked at, good or bad. */
  readonly head?: RevisionStatus;
  /** All findings of the head. */
  readonly diagnostics: readonly Diagnostic[];
  /** The repository cannot be read, or what is served cannot be remembered for the next start; what is served stays. */
  readonly failure?: Failure;
  /** Newest first, at most 100. */
  readonly history: readonly RevisionStatus[];
  /** How often a revision was found good, and how often not, since the start. */
  readonly checks: { readonly passed: number; readonly failed: number };
  readonly checkMilliseconds: number;
}

export interface PolicySource {
  /** The repository's folder. */
  readonly location: string;
  readonly state: Readable<PolicyState>;
  /** Looks at the repository now; resolves when the state says what it found. */
  refresh(): Promise<void>;
  /**
   * Workloads came or went: finds anew what is to be said about the head. A rejected head that is good by now is served; what is
   * served stays, whatever is found.
   */
  recheck(): void;
  /** Resolves when a look that was under way has ended: nothing is read or written afterwards. */
  stop(): Promise<void>;
}

const lastGoodKey = 'policy/last-good';
const historyLength = 100;

/**
 * Follows the head of a policy repository. A revision with an error is rejected whole and the last good one stays, also over a
 * restart (F13): its commit is remembered in the store. Never throws for what a repository holds.
 */
export async function startPolicySource(options: {
  readonly repository: PolicyRepository;
  readonly check: CheckTree;
  readonly store: StateStore;
  readonly pollMilliseconds: number;
}): Promise<PolicySource> {
  const state: Cell<PolicyState> = createCell<PolicyState>({
    diagnostics: [],
    history: [],
    checks: { passed: 0, failed: 0 },
    checkMilliseconds: 0,
  });
  let seen: string | undefined;
  /** A good commit that the store did not take yet. */
  let unsaved: string | undefined;
  let headTree: PolicyTree | undefined;
  let work = Promise.resolve();
  let stopped = false;

  const fail = (error: unknown): void => {
    const failure =
      error instanceof Failure ? error : new Failure('WEFT0906', String(error), 'check the policy repository');
    // The same failure again is not news; watchers would print it at every poll.
    if (state.get().failure?.message !== failure.message) state.set({ ...state.get(), failure });
  };

  const look = async (): Promise<void> => {
    if (stopped) return;
    try {
      const signature = await options.repository.signature();
      if (signature === seen) {
        if (unsaved !== undefined) await remember(unsaved);
        return;
      }
      await take(await options.repository.readHead());
      seen = signature;
    } catch (error) {
      fail(error);
      seen = undefined;
    }
    if (!state.get().served) await serveLastGood();
  };

  const take = async (tree: PolicyTree): Promise<void> => {
    headTree = tree;
    const started = performance.now();
    // A commit that was accepted before a restart stays good, whoever is away today (F13).
    const accepted = tree.commit === (await lastGood());
    const { policies, diagnostics } = options.check(tree, accepted ? 'unknown' : undefined);
    const checkMilliseconds = performance.now() - started;
    const revision = describe(tree, policies !== undefined, diagnostics);
    const { served: before, history: older, checks } = state.get();
    const history = [revision, ...older.filter(({ commit }) => commit !== revision.commit)].slice(0, historyLength);
    const served = policies ? { policies, revision, files: tree.files.length } : before;
    const { passed, failed } = checks;
    state.set({
      ...(served ? { served } : {}),
      head: revision,
      diagnostics,
      history,
      checks: policies ? { passed: passed + 1, failed } : { passed, failed: failed + 1 },
      checkMilliseconds,
    });
    if (policies) await remember(tree.commit.replace(/\+edits$/, ''));
  };

  /** A store that does not take it (a full disk) does not keep a good commit from being served (F21). */
  const remember = async (commit: string): Promise<void> => {
    try {
      await options.store.write(lastGoodKey, new TextEncoder().encode(commit));
      unsaved = undefined;
      const { failure, ...rest } = state.get();
      if (failure) state.set(rest);
    } catch (error) {
      unsaved = commit;
      fail(error);
    }
  };

  const lastGood = async (): Promise<string | undefined> => {
    const remembered = await options.store.read(lastGoodKey);
    return remembered && new TextDecoder().decode(remembered);
  };

  const serveLastGood = async (): Promise<void> => {
    try {
      const remembered = await lastGood();
      if (remembered === undefined) return;
      const tree = await options.repository.readCommit(remembered);
      // It was good when it was accepted; that a workload is away today does not make it wrong (F13).
      const { policies, diagnostics } = options.check(tree, 'unknown');
      if (!policies) return;
      const revision = describe(tree, true, diagnostics);
      const now = state.get();
      state.set({
        ...now,
        served: { policies, revision, files: tree.files.length },
        history: [...now.history.filter(({ commit }) => commit !== revision.commit), revision],
      });
    } catch {
      // The remembered commit is gone (force-push, another repository): the head's own findings already say what is wrong.
    }
  };

  const refresh = (): Promise<void> => {
    work = work.then(look);
    return work;
  };

  await refresh();

  const recheck = (): void => {
    if (!headTree) return;
    const tree = headTree;
    const { policies, diagnostics } = options.check(tree);
    const now = state.get();
    if (policies && now.head?.state === 'Rejected') {
      // It waited for a workload, which has come.
      work = work.then(() => (stopped || headTree !== tree ? undefined : take(tree))).catch(fail);
      return;
    }
    if (JSON.stringify(diagnostics) !== JSON.stringify(now.diagnostics)) state.set({ ...now, diagnostics });
  };

  const timer = setInterval(() => void refresh(), options.pollMilliseconds);
  timer.unref();
  const stop = (): Promise<void> => {
    stopped = true;
    clearInterval(timer);
    return work;
  };
  return { location: options.repository.location, state, refresh, recheck, stop };
}

function describe(tree: PolicyTree, good: boolean, diagnostics: readonly Diagnostic[]): RevisionStatus {
  const count = (severity: Diagnostic['severity']) =>
    diagnostics.filter((finding) => finding.severity === severity).length;
  return {
    commit: tree.commit,
    author: tree.author,
    subject: tree.subject,
    time: new Date(tree.time).toISOString(),
    state: good ? 'Applied' : 'Rejected',
    errors: count('error'),
    warnings: count('warning'),
  };
}
