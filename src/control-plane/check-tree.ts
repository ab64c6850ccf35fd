import { byPosition, type Diagnostic } from '../model/diagnostic.ts';
import type { MeshSettings } from '../model/mesh.ts';
import type { Policy } from '../model/policy.ts';
import { refText } from '../model/provenance.ts';
import type { Workload } from '../model/workload.ts';
import type { PolicyTree } from '../policy/git-tree.ts';
import { type ParseCache, parsePolicies } from '../policy/parse-policies.ts';
import { checkReferences } from '../policy/references.ts';
import { silence } from '../policy/silencers.ts';
import { buildServices } from '../registry/services.ts';
import { workloadsOfEntries } from '../registry/workload-entries.ts';
import type { CheckedTree } from './policy-source.ts';

/**
 * Text of a policy tree → checked objects and all findings, the references between objects included. `joined`: the workloads that are
 * connected now, undefined where that is not known. Files that did not change since the last call are not parsed again. An object that was accepted
 * once and has not changed is not held back because a service that nobody wrote is away with its workloads: that is then a warning.
 */
export function createTreeCheck(options: {
  readonly settings: MeshSettings;
  readonly folders: 'namespace' | 'free';
  readonly root: string;
  readonly joined: () => ReadonlyMap<string, Workload> | undefined;
  /** Whose certificates are signed, where that is known: MeshConfig must not contradict. */
  readonly trustDomain?: string;
}): (tree: PolicyTree, registry?: 'unknown') => CheckedTree {
  const { settings, folders, root, joined } = options;
  let cache: ParseCache | undefined;
  let accepted: ReadonlySet<Policy> = new Set();
  return (tree, registry) => {
    const parsed = parsePolicies(tree.files, {
      commit: tree.commit,
      rootNamespace: settings.rootNamespace,
      ...(settings.rootNamespaceFrom === undefined ? {} : { rootNamespaceFrom: settings.rootNamespaceFrom }),
      ...(options.trustDomain === undefined ? {} : { trustDomain: options.trustDomain }),
      folders,
      root,
      ...(cache ? { previous: cache } : {}),
    });
    cache = parsed.cache;
    const found = [...tree.diagnostics, ...parsed.diagnostics];
    if (parsed.policies) {
      const members = registry === 'unknown' ? undefined : joined();
      const workloads = new Map([...workloadsOfEntries(parsed.policies, settings), ...(members ?? [])]);
      const { services } = buildServices(parsed.policies, workloads, settings);
      const known = members === undefined ? undefined : workloads.values();
      const references = checkReferences(parsed.policies.objects, services, known, settings);
      const unchanged = new Set(parsed.policies.objects.filter((object) => accepted.has(object)).map(refText));
      found.push(...silence(softened(references, unchanged), parsed.silencers, 'references'));
    }
    const failed = found.some(({ severity }) => severity === 'error');
    if (!failed) accepted = new Set(parsed.objects);
    return { policies: failed ? undefined : parsed.policies, diagnostics: found.sort(byPosition) };
  };
}

/** What a workload that went away makes of a good object. */
function softened(findings: readonly Diagnostic[], unchanged: ReadonlySet<string>): readonly Diagnostic[] {
  return findings.map((finding) =>
    finding.code === 'WEFT0101' && finding.object !== undefined && unchanged.has(refText(finding.object))
      ? { ...finding, severity: 'warning' }
      : finding,
  );
}
