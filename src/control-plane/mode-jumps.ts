import { compareText } from '../model/compare-text.ts';
import type { Diagnostic } from '../model/diagnostic.ts';
import type { Mesh } from '../model/mesh.ts';
import { type Provenance, refText } from '../model/provenance.ts';
import type { ServedMode } from '../model/registry-knowledge.ts';
import type { MutualTlsMode } from '../model/security-policy.ts';
import { severityOf } from '../policy/diagnostic-codes.ts';
import { meshDefaults } from '../resolve/mesh-defaults.ts';
import { mutualTlsMode, peerPolicies } from '../resolve/mutual-tls.ts';
import { indexPolicies } from '../resolve/policy-index.ts';

/** How many are named; the rest are counted. */
const mostNamed = 5;

/** Where callers must know the mode, and by whom it was decided: what takes both is none to change over from (decision 58). */
export function servedModes(mesh: Mesh): readonly ServedMode[] {
  const found = new Map<string, { readonly mode: ServedMode['mode']; readonly by: string; readonly ports: string[] }>();
  eachPort(mesh, (port, mode, by) => {
    if (mode === 'PERMISSIVE') return;
    const key = `${mode} ${refText(by.object)}`;
    const known = found.get(key) ?? { mode, by: refText(by.object), ports: [] };
    known.ports.push(port);
    found.set(key, known);
  });
  return [...found.values()];
}

/**
 * WEFT0170: workloads that go from STRICT straight to DISABLE or back, at the policy that says so now. Who was not there before is none of
 * them.
 */
export function modeJumps(served: readonly ServedMode[], next: Mesh): readonly Diagnostic[] {
  if (served.length === 0) return [];
  const before = new Map(served.flatMap(({ mode, by, ports }) => ports.map((port) => [port, { mode, by }] as const)));
  const found = new Map<string, Jump>();
  eachPort(next, (port, mode, by) => {
    const was = before.get(port);
    if (was === undefined || mode === 'PERMISSIVE' || mode === was.mode) return;
    const former = was.by === refText(by.object) ? undefined : was.by;
    const key = [refText(by.object), by.field, mode, former].join('\n');
    const known = found.get(key) ?? { from: was.mode, to: mode, by, former, ports: [] };
    known.ports.push(port);
    found.set(key, known);
  });
  const names = new Set(next.policies.objects.map(refText));
  return [...found.values()].map((jump) => jumpFinding(jump, names));
}

interface Jump {
  readonly from: MutualTlsMode;
  readonly to: MutualTlsMode;
  readonly by: Provenance;
  /** Who decided before, where it is another one. */
  readonly former: string | undefined;
  readonly ports: string[];
}

function jumpFinding({ from, to, by, former, ports }: Jump, names: ReadonlySet<string>): Diagnostic {
  const sorted = [...ports].sort(compareText);
  const shown = sorted.slice(0, mostNamed).join(', ');
  const more = sorted.length > mostNamed ? `, ${sorted.length - mostNamed} more` : '';
  const why = former && `; ${former}, which said ${from}, ${names.has(former) ? 'decides no more' : 'is gone'}`;
  return {
    code: 'WEFT0170',
    severity: severityOf('WEFT0170'),
    message: `from ${from} straight to ${to}: ${shown}${more}${why ?? ''}`,
    hint: 'commit PERMISSIVE in between: callers and workloads hear of a change one by one, and some calls fail until all have',
    at: by.at,
    object: by.object,
    field: by.field,
  };
}

const noPort = 0;

/** Of each port of each workload that a proxy of the mesh stands before: its mode, where a policy decides it. */
function eachPort(mesh: Mesh, visit: (port: string, mode: MutualTlsMode, by: Provenance) => void): void {
  const settings = meshDefaults(mesh);
  const index = indexPolicies(mesh.policies, settings);
  for (const workload of mesh.workloads.values()) {
    if (workload.identity === undefined) continue;
    const policies = peerPolicies(index, settings, workload);
    // A WorkloadEntry may name no ports: those of its services are meant.
    const ports = workload.ports.length === 0 ? [noPort] : workload.ports.map(({ port }) => port);
    for (const port of ports) {
      const { value, by } = mutualTlsMode(policies, port);
      if (!('default' in by)) visit(port === noPort ? workload.id : `${workload.id}:${port}`, value, by);
    }
  }
}
