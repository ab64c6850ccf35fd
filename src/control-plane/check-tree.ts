import { byPosition, type Diagnostic } from '../model/diagnostic.ts';
import type { MeshSettings } from '../model/mesh.ts';
import type { Policy, PolicySet } from '../model/policy.ts';
import type { HeldNamespace } from '../model/status.ts';
import { finish, type Steps } from '../model/steps.ts';
import type { Workload } from '../model/workload.ts';
import { withoutConsequences } from '../policy/consequences.ts';
import type { PolicyTree } from '../policy/git-tree.ts';
import { folderOf, pathInTree } from '../policy/parse-file.ts';
import { byName, type ParseCache, type ParsedPolicies, parseSteps } from '../policy/parse-policies.ts';
import type { KnownSecrets } from '../policy/references/reference-scope.ts';
import { silence } from '../policy/silencers.ts';
import { strayFindings } from '../policy/stray-files.ts';
import { withoutDetected } from '../policy/undeclared-ports.ts';
import type { AwayServices } from '../registry/known-services.ts';
import type { BuiltServices } from '../registry/services.ts';
import { type CheckedAgainst, createBetweenObjects } from './between-objects.ts';
import { byNamespace, type GoodNamespaces, holdBack } from './hold-back.ts';
import type { CheckedTree, HeldTrees, RegistryKnown } from './policy-source.ts';
import { type Mistakes, standingOf, withoutStanding } from './standing-errors.ts';
import { createWideningCheck } from './widening-findings.ts';

export interface TreeCheckOptions {
  readonly settings: MeshSettings;
  readonly folders: 'namespace' | 'free';
  readonly root: string;
  readonly joined: (policies: PolicySet) => ReadonlyMap<string, Workload> | undefined;
  /** Services that were there and are away, and hosts of those that may come; absent: nothing is known of them. */
  readonly away?: () => AwayServices;
  readonly expected?: () => ReadonlySet<string>;
  /** Of what is served elsewhere, by a server that is asked. */
  readonly standing?: () => Mistakes;
  /** What is known of the named secrets. */
  readonly secrets?: () => KnownSecrets;
  /** Whose certificates are signed, where that is known: MeshConfig must not contradict. */
  readonly trustDomain?: string;
  /** What an error holds back: the commit, which is what is meant without it, or the namespace that it is in. */
  readonly isolate?: 'commit' | 'namespace';
  /** `marked`: a commit that lets in who is refused by what is served needs a mark (T14). Absent: `allow`. */
  readonly widening?: 'allow' | 'marked';
  /** What is served elsewhere, by a server that is asked. */
  readonly servedElsewhere?: PolicySet;
}

/** The services that served policies were checked with: most of what a mesh has of them is made already. */
export const builtWhileChecked = new WeakMap<PolicySet, BuiltServices>();

/** treeCheckSteps, at once. */
export function createTreeCheck(
  options: TreeCheckOptions,
): (tree: PolicyTree, registry?: RegistryKnown) => CheckedTree {
  const steps = treeCheckSteps(options);
  return (tree, registry) => finish(steps(tree, registry));
}

/**
 * Text of a policy tree → checked objects and all findings, the references between objects included. `joined`: the workloads that are
 * connected now as these policies make them, undefined where that is not known. Documents that did not change since the last call are not
 * parsed again. An error that what was served last has, too, is a warning: a workload made it, not this tree (decision 47). With
 * `heldTrees` the objects of these namespaces come from these trees, as they were served together before.
 */
export function treeCheckSteps(
  options: TreeCheckOptions,
): (tree: PolicyTree, registry?: RegistryKnown, heldTrees?: HeldTrees) => Steps<CheckedTree> {
  const { settings, folders, root, joined, isolate = 'commit' } = options;
  let cache: ParseCache | undefined;
  let served: PolicySet | undefined;
  /** What is served was taken before anybody had ever joined: that its names were not held against it excuses none of them now. */
  let isUnjudged = false;
  let isHistory = false;
  /** Undefined until something was good as a whole: then there is nothing that could be held back to. */
  let good: GoodNamespaces | undefined;
  const check = createBetweenObjects();
  /** Looks at what is served while the other looks at what may be: each remembers what it saw last. */
  const checkServed = createBetweenObjects();
  let built: BuiltServices | undefined;
  const checkWidening = createWideningCheck(settings);

  const parse = function* (tree: PolicyTree): Steps<ParsedPolicies> {
    const parsed = yield* parseSteps(tree.files, {
      commit: tree.commit,
      rootNamespace: settings.rootNamespace,
      ...(settings.rootNamespaceFrom === undefined ? {} : { rootNamespaceFrom: settings.rootNamespaceFrom }),
      ...(options.trustDomain === undefined ? {} : { trustDomain: options.trustDomain }),
      folders,
      root,
      ...(cache ? { previous: cache } : {}),
    });
    cache = parsed.cache;
    return parsed;
  };
  const against = (registry: RegistryKnown | undefined): CheckedAgainst => {
    // A server that comes back serves what it served, whatever has become of workloads and secrets meanwhile.
    if (registry !== undefined) return { settings, joined: () => undefined };
    const [away, expected, secrets] = [options.away?.(), options.expected?.(), options.secrets?.()];
    return { settings, joined, away, expected, secrets };
  };
  /** The findings between objects. */
  const between = function* (policies: PolicySet, beside: CheckedAgainst): Steps<readonly Diagnostic[]> {
    const result = yield* check(policies, beside);
    ({ built, isHistory } = result);
    if (errorsOf(result.found).length === 0) return result.found;
    if (served === undefined) return withoutStanding(result.found, options.standing?.() ?? new Map());
    const now = yield* checkServed(served, beside);
    return withoutStanding(result.found, standingOf(now.found, isUnjudged));
  };
  /** Of whom what is served refuses; nothing is held against the first that is ever served. */
  const widening = function* (
    policies: PolicySet,
    { joined: known, away }: CheckedAgainst,
  ): Steps<readonly Diagnostic[]> {
    const before = served ?? options.servedElsewhere;
    if (options.widening !== 'marked' || before === undefined) return [];
    const members = [...(known(policies)?.values() ?? []), ...(away?.workloads.values() ?? [])];
    return yield* checkWidening(before, policies, members);
  };
  const ofFiles = ({ diagnostics, beside = [] }: PolicyTree) => [...diagnostics, ...strayFindings(beside, root)];
  const errorsOf = (found: readonly Diagnostic[]) => found.filter(({ severity }) => severity === 'error');
  const namespaceOf = ({ at, object }: Diagnostic): string | undefined => {
    const folder = folders === 'namespace' ? folderOf(pathInTree(at.file, root)) : undefined;
    return folder ?? object?.namespace;
  };
  const serve = (
    commit: string,
    objects: readonly Policy[],
    held: readonly HeldNamespace[],
    registry: RegistryKnown | undefined,
  ): PolicySet => {
    const policies = { commit, objects };
    served = policies;
    isUnjudged = registry === 'unjudged' || (registry === undefined && !isHistory);
    if (isolate === 'namespace') good = goodNamespaces(commit, objects, held);
    if (built) builtWhileChecked.set(policies, built);
    return policies;
  };

  const withHistory = (checked: CheckedTree): CheckedTree => (isUnjudged ? { ...checked, isUnjudged } : checked);

  /** The commit with namespaces of others in it, as it was served before. */
  const restore = function* (tree: PolicyTree, registry: RegistryKnown, heldTrees: HeldTrees): Steps<CheckedTree> {
    const held: HeldNamespace[] = [];
    const kept: Policy[] = [];
    for (const [namespace, old] of heldTrees) {
      held.push(old === undefined ? { namespace } : { namespace, commit: old.commit });
      if (old) kept.push(...(yield* parse(old)).objects.filter((object) => object.namespace === namespace));
    }
    const { objects, diagnostics } = yield* parse(tree);
    const whole = [...objects.filter(({ namespace }) => !heldTrees.has(namespace)), ...kept].sort(byName);
    const ofOthers = (finding: Diagnostic) => !heldTrees.has(namespaceOf(finding) ?? '');
    const found = [...ofFiles(tree), ...withoutDetected(diagnostics, settings)].filter(ofOthers);
    found.push(...(yield* between({ commit: tree.commit, objects: whole }, against(registry))));
    const failed = errorsOf(found).length > 0;
    return {
      policies: failed ? undefined : serve(tree.commit, whole, held, registry),
      held,
      ...(registry === 'unjudged' && { isUnjudged: true }),
      diagnostics: found.sort(byPosition),
    };
  };

  return function* (tree, registry, heldTrees) {
    if (heldTrees !== undefined) return yield* restore(tree, registry ?? 'unknown', heldTrees);
    const parsed = yield* parse(tree);
    const { commit } = tree;
    const text = [...ofFiles(tree), ...withoutDetected(parsed.diagnostics, settings)];
    const isPart = errorsOf(text).length > 0;
    const beside = against(registry);
    // Each stage on all that passed the one before (section 8); what only follows from the rest is left out.
    const whole = { commit, objects: parsed.objects };
    const meaning = withoutConsequences(yield* between(whole, beside), text, namespaceOf);
    // What was accepted before a restart is compared with nothing.
    const wider = registry === undefined && !isPart ? yield* widening(whole, beside) : [];
    const found = [...text, ...silence(meaning, parsed.silencers, 'references', () => isPart), ...wider];
    const errors = errorsOf(found);
    if (errors.length === 0) {
      return withHistory({
        policies: serve(commit, parsed.objects, [], registry),
        diagnostics: found.sort(byPosition),
        silencers: parsed.silencers,
      });
    }
    const part =
      isolate === 'namespace' && good !== undefined
        ? yield* holdBack({
            objects: parsed.objects,
            found,
            wrong: errorsOf(text).map(namespaceOf),
            good,
            rootNamespace: parsed.rootNamespace,
            isServed: served?.commit === commit,
            judge: function* (objects) {
              const composed = { commit, objects };
              const errors = errorsOf(yield* between(composed, beside));
              return errors.length > 0 ? errors : yield* widening(composed, beside);
            },
          })
        : undefined;
    if (part === undefined) return { policies: undefined, diagnostics: found.sort(byPosition) };
    const diagnostics = [...part.findings].sort(byPosition);
    const policies = serve(commit, part.objects, part.held, registry);
    return withHistory({ policies, held: part.held, diagnostics, silencers: parsed.silencers });
  };
}

/** What each namespace says without error, and in which commit. */
function goodNamespaces(commit: string, objects: readonly Policy[], held: readonly HeldNamespace[]): GoodNamespaces {
  const keeps = new Map(held.map(({ namespace, commit: of = commit }) => [namespace, of]));
  const groups = [...byNamespace(objects)];
  return new Map(groups.map(([name, list]) => [name, { commit: keeps.get(name) ?? commit, objects: list }]));
}
