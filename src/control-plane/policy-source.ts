import { performance } from 'node:perf_hooks';
import type { Diagnostic } from '../model/diagnostic.ts';
import { Failure } from '../model/failure.ts';
import type { PolicySet } from '../model/policy.ts';
import { type Cell, createCell, type Readable } from '../model/readable.ts';
import type { StateStore } from '../model/state-store.ts';
import type { HeldNamespace, RevisionStatus } from '../model/status.ts';
import type { PolicyTree } from '../policy/git-tree.ts';
import type { Silencer } from '../policy/silencers.ts';
import type { PolicyRepository } from './git-repository.ts';
import { createLastGood, type Served } from './last-good.ts';

export interface CheckedTree {
  readonly policies: PolicySet | undefined;
  /** Namespaces whose objects are those of an earlier commit; absent: none. */
  readonly held?: readonly HeldNamespace[];
  readonly diagnostics: readonly Diagnostic[];
  /** Of its text, for what is found beside it. */
  readonly silencers?: readonly Silencer[];
  /** Good, and taken before anybody had ever joined: no name of a service was held against it. Absent: false. */
  readonly isUnjudged?: boolean;
}

/**
 * Of what was accepted before: the registry is not held against it. `unjudged`: nor was it then, since nobody had ever joined.
 */
export type RegistryKnown = 'unknown' | 'unjudged';

/** By namespace, the tree that its objects come from; undefined: it has none. */
export type HeldTrees = ReadonlyMap<string, PolicyTree | undefined>;

/**
 * Text to checked objects; with `registry`, what depends on workloads is not held against them. With `heldTrees` the objects of these
 * namespaces are taken from there.
 */
export type CheckTree = (
  tree: PolicyTree,
  registry?: RegistryKnown,
  heldTrees?: HeldTrees,
) => CheckedTree | Promise<CheckedTree>;

/** What is served and what the head is. */
export interface PolicyState {
  readonly served?: {
    readonly policies: PolicySet;
    readonly revision: RevisionStatus;
    readonly files: number;
    /** As in CheckedTree. */
    readonly isUnjudged?: boolean;
  };
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
   * served stays, whatever is found. Resolves when that is done.
   */
  recheck(): Promise<void>;
  /** Resolves when a look that was under way has ended: nothing is read or written afterwards. */
  stop(): Promise<void>;
}

const historyLength = 100;

/**
 * Follows the head of a policy repository. A revision with an error is rejected whole, or as far as `check` says, and the last good one
 * stays, also over a restart (F13): which commits are served is remembered in the store. Never throws for what a repository holds.
 */
export async function startPolicySource(options: {
  readonly repository: PolicyRepository;
  readonly check: CheckTree;
  readonly store: StateStore;
  readonly pollMilliseconds: number;
  /** A head with an error is served in part: what was served before must be known first. */
  readonly isolates?: boolean;
}): Promise<PolicySource> {
  const state: Cell<PolicyState> = createCell<PolicyState>({
    diagnostics: [],
    history: [],
    checks: { passed: 0, failed: 0 },
    checkMilliseconds: 0,
  });
  const lastGood = createLastGood(options.store);
  let seen: string | undefined;
  /** What is served and the store did not take yet. */
  let unsaved: Served | undefined;
  let headTree: PolicyTree | undefined;
  let work = Promise.resolve();
  let [started, stopped, rechecking] = [false, false, false];

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
      const head = await options.repository.readHead();
      // What was served before is known first: what it says, too, is held against no new commit (decision 47).
      if (!started && (options.isolates === true || (await lastGood.read())?.commit !== head.commit))
        await serveLastGood();
      started = true;
      await take(head);
      seen = signature;
    } catch (error) {
      fail(error);
      seen = undefined;
    }
    if (!state.get().served) await serveLastGood();
  };

  const take = async (tree: PolicyTree): Promise<void> => {
    headTree = tree;
    const began = performance.now();
    // A commit that was accepted before a restart stays good, whoever is away today (F13).
    const last = await lastGood.read();
    const checked = await options.check(tree, tree.commit === last?.commit ? registryOf(last) : undefined);
    const { policies, held = [], diagnostics, isUnjudged = false } = checked;
    const checkMilliseconds = performance.now() - began;
    const revision = describe(tree, policies !== undefined, diagnostics, held);
    const { served: before, history: older, checks } = state.get();
    const history = [revision, ...older.filter(({ commit }) => commit !== revision.commit)].slice(0, historyLength);
    const served = policies ? { policies, revision, files: tree.files.length, isUnjudged } : before;
    const { passed, failed } = checks;
    const isGood = revision.state === 'Applied';
    state.set({
      ...(served ? { served } : {}),
      head: revision,
      diagnostics,
      history,
      checks: isGood ? { passed: passed + 1, failed } : { passed, failed: failed + 1 },
      checkMilliseconds,
    });
    if (policies) await remember({ commit: tree.commit, held, isUnjudged });
  };

  /** A store that does not take it (a full disk) does not keep a good commit from being served (F21). */
  const remember = async (served: Served): Promise<void> => {
    try {
      await lastGood.write(served);
      unsaved = undefined;
      const { failure, ...rest } = state.get();
      if (failure) state.set(rest);
    } catch (error) {
      unsaved = served;
      fail(error);
    }
  };

  const serveLastGood = async (): Promise<void> => {
    try {
      const remembered = await lastGood.read();
      if (remembered === undefined) return;
      const { commit, held } = remembered;
      const tree = await options.repository.readCommit(commit);
      const trees = new Map<string, PolicyTree | undefined>();
      for (const { namespace, commit: of } of held)
        trees.set(namespace, of === undefined ? undefined : await options.repository.readCommit(of));
      // It was good when it was accepted; that a workload is away today does not make it wrong (F13).
      const checked = await options.check(tree, registryOf(remembered), held.length === 0 ? undefined : trees);
      const { policies, diagnostics } = checked;
      if (!policies) return;
      const revision = describe(tree, true, diagnostics, checked.held ?? []);
      const now = state.get();
      state.set({
        ...now,
        served: { policies, revision, files: tree.files.length, isUnjudged: remembered.isUnjudged },
        history: [...now.history.filter((one) => one.commit !== revision.commit), revision],
      });
    } catch {
      // What is remembered is gone (force-push, another repository): the head's own findings already say what is wrong.
    }
  };

  const refresh = (): Promise<void> => {
    work = work.then(look);
    return work;
  };

  await refresh();

  const checkAgain = async (): Promise<void> => {
    rechecking = false;
    if (stopped || !headTree) return;
    const tree = headTree;
    const { policies, held = [], diagnostics } = await options.check(tree);
    const now = state.get();
    const isBetter = now.head?.state === 'Rejected' || held.length < (now.head?.held?.length ?? 0);
    if (policies && isBetter) {
      // It waited for a workload, which has come.
      await take(tree);
      return;
    }
    if (JSON.stringify(diagnostics) !== JSON.stringify(now.diagnostics)) state.set({ ...now, diagnostics });
  };

  const recheck = (): Promise<void> => {
    // Once is enough for all who ask before it begins.
    if (!rechecking) work = work.then(checkAgain).catch(fail);
    rechecking = true;
    return work;
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

function registryOf({ isUnjudged }: Served): RegistryKnown {
  return isUnjudged ? 'unjudged' : 'unknown';
}

function describe(
  tree: PolicyTree,
  good: boolean,
  diagnostics: readonly Diagnostic[],
  held: readonly HeldNamespace[],
): RevisionStatus {
  const count = (severity: Diagnostic['severity']) =>
    diagnostics.filter((finding) => finding.severity === severity).length;
  return {
    commit: tree.commit,
    author: tree.author,
    subject: tree.subject,
    time: new Date(tree.time).toISOString(),
    state: !good ? 'Rejected' : held.length > 0 ? 'Partial' : 'Applied',
    errors: count('error'),
    warnings: count('warning'),
    ...(good && held.length > 0 ? { held } : {}),
  };
}
