import type { PolicyItem } from '../../admin/mesh-values.ts';
import type { SidecarListener, SidecarSpec } from '../../model/sidecar-policy.ts';
import type { Column } from '../output.ts';

export type SidecarItem = PolicyItem & { readonly kind: 'Sidecar'; readonly spec: SidecarSpec };

/** Whether a policy is a Sidecar: the kind decides what its spec is. */
export function isSidecar(item: PolicyItem): item is SidecarItem {
  return item.kind === 'Sidecar' && 'ingress' in item.spec;
}

/** What a Sidecar changes for whom, in one line: a part that it leaves out is `-`. */
export const sidecarColumns: readonly Column<SidecarItem>[] = [
  { title: 'NAME', of: (item) => `${item.namespace}/${item.name}` },
  { title: 'FOR', of: ({ spec }) => labels(spec.workloadSelector) || 'all' },
  { title: 'IMPORTS', of: ({ spec }) => imports(spec) },
  { title: 'LISTENERS', of: ({ spec }) => listeners(spec).join(',') || '-' },
  { title: 'INGRESS', of: ({ spec }) => spec.ingress.map(({ port }) => String(port)).join(',') || '-' },
  { title: 'UNKNOWN', of: ({ spec }) => spec.outboundTrafficPolicy ?? '-' },
  { title: 'FROM', of: (item) => `${item.file}:${item.line}` },
  { title: 'COMMIT', of: (item) => item.commit, wide: true },
];

function labels(of: SidecarSpec['workloadSelector'] = {}): string {
  return Object.entries(of)
    .map(([key, value]) => `${key}=${value}`)
    .join(',');
}

function imports({ egress }: SidecarSpec): string {
  if (egress === undefined) return '-';
  return [...new Set(egress.flatMap(({ hosts }) => hosts.map(({ text }) => text)))].join(',');
}

function listeners({ egress = [] }: SidecarSpec): readonly string[] {
  return egress.flatMap(({ listener }) =>
    listener === undefined ? [] : [`${placeOf(listener)}/${listener.protocol}`],
  );
}

function placeOf(listener: SidecarListener): string {
  return listener.kind === 'socket' ? listener.path : String(listener.port);
}
