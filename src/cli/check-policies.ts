import { byPosition, type Diagnostic } from '../model/diagnostic.ts';
import type { MeshSettings } from '../model/mesh.ts';
import type { Workload } from '../model/workload.ts';
import type { PolicyTree } from '../policy/git-tree.ts';
import { parsePolicies } from '../policy/parse-policies.ts';
import { checkReferences } from '../policy/references.ts';
import { silence } from '../policy/silencers.ts';
import { buildServices } from '../registry/services.ts';
import { workloadsOfEntries } from '../registry/workload-entries.ts';

export interface CheckOptions {
  readonly settings: MeshSettings;
  readonly folders: 'namespace' | 'free';
  readonly root: string;
  /** The workloads that are connected now; undefined: not known, so what depends on them is left open. */
  readonly joined: ReadonlyMap<string, Workload> | undefined;
}

/** All findings of a policy tree, by the same functions as in the control plane; references too, unless an object is already wrong. */
export function checkPolicies(tree: PolicyTree, options: CheckOptions): readonly Diagnostic[] {
  const { settings, folders, root, joined } = options;
  const { rootNamespace } = settings;
  const parsed = parsePolicies(tree.files, { commit: tree.commit, rootNamespace, folders, root });
  const found = [...tree.diagnostics, ...parsed.diagnostics];
  if (parsed.policies !== undefined) {
    const { policies } = parsed;
    const workloads = new Map([...workloadsOfEntries(policies, settings), ...(joined ?? [])]);
    const { services } = buildServices(policies, workloads, settings);
    const known = joined === undefined ? undefined : workloads.values();
    found.push(
      ...silence(checkReferences(policies.objects, services, known, settings), parsed.silencers, 'references'),
    );
  }
  return found.sort(byPosition);
}
