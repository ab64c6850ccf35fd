import { compareText } from '../model/compare-text.ts';
import type { MeshSettings } from '../model/mesh.ts';
import type { Labels, PeerAuthenticationObject } from '../model/policy.ts';
import { provenance } from '../model/policy-provenance.ts';
import type { Decided } from '../model/provenance.ts';
import { byDefault } from '../model/provenance.ts';
import type { MutualTlsMode } from '../model/security-policy.ts';
import { remembered } from './keep.ts';
import type { PolicyIndex } from './policy-index.ts';
import { hasSelector } from './policy-index.ts';
import { selecting } from './selecting.ts';

/** What selectors look at on a workload. */
export interface Selected {
  readonly namespace: string;
  readonly labels: Labels;
}

interface Statement {
  readonly mode: MutualTlsMode;
  readonly object: PeerAuthenticationObject;
  readonly field: string;
}

/** Narrow to wide: the PeerAuthentications that can speak about one workload. */
export interface PeerPolicies {
  readonly selecting: readonly PeerAuthenticationObject[];
  readonly namespace: readonly PeerAuthenticationObject[];
  readonly root: readonly PeerAuthenticationObject[];
}

/** The PeerAuthentications of a workload's own namespace that select it, of its namespace, and of the root namespace (P31, P32). */
export function peerPolicies(index: PolicyIndex, settings: MeshSettings, workload: Selected): PeerPolicies {
  const own = index.peerAuthentications.get(workload.namespace) ?? none;
  const root = index.peerAuthentications.get(settings.rootNamespace) ?? none;
  const fitting = selecting(own, workload.labels, ({ spec }) => spec.selector);
  return {
    selecting: fitting.filter(({ spec }) => hasSelector(spec.selector)),
    namespace: withoutSelector(own),
    root: withoutSelector(root),
  };
}

const none: readonly PeerAuthenticationObject[] = [];
const wide = new WeakMap<readonly PeerAuthenticationObject[], readonly PeerAuthenticationObject[]>();

/** Remembered on the list: every endpoint asks. */
function withoutSelector(objects: readonly PeerAuthenticationObject[]): readonly PeerAuthenticationObject[] {
  return remembered(wide, objects, () => objects.filter(({ spec }) => !hasSelector(spec.selector)));
}

/**
 * P31: the mode of one workload port. An entry for the port (of a policy with a selector), then the selector, the namespace, the root
 * namespace, PERMISSIVE (D14); what is unset inherits from the next wider. Two statements of one scope: the strictest holds (P33).
 */
export function mutualTlsMode(policies: PeerPolicies, port: number): Decided<MutualTlsMode> {
  const forPort = policies.selecting.flatMap((object): readonly Statement[] => {
    const mode = object.spec.portLevelMtls[port];
    return mode === undefined ? [] : [{ mode, object, field: `spec.portLevelMtls.${port}` }];
  });
  const levels = [forPort, ...[policies.selecting, policies.namespace, policies.root].map(statements)];
  for (const level of levels) {
    const [strictest, ...others] = [...level].sort(byStrictness);
    if (strictest === undefined) continue;
    const also = others.map(({ object, field }) => provenance(object, field));
    const by = provenance(strictest.object, strictest.field);
    return also.length === 0 ? { value: strictest.mode, by } : { value: strictest.mode, by, also };
  }
  return byDefault('PERMISSIVE', 'D14');
}

function statements(objects: readonly PeerAuthenticationObject[]): readonly Statement[] {
  return objects.flatMap((object) =>
    object.spec.mode === undefined ? [] : [{ mode: object.spec.mode, object, field: 'spec.mtls.mode' }],
  );
}

const order: Record<MutualTlsMode, number> = { STRICT: 0, PERMISSIVE: 1, DISABLE: 2 };

function byStrictness(a: Statement, b: Statement): number {
  return order[a.mode] - order[b.mode] || compareText(a.object.name, b.object.name);
}
