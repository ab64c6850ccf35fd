import type { Description, DescriptionRow } from '../model/description.ts';
import type { View } from '../model/ir.ts';
import { provenance } from '../model/policy-provenance.ts';
import { refText } from '../model/provenance.ts';
import type { Proxy } from '../model/proxy.ts';
import { endpointText } from '../model/socket-path.ts';
import type { Workload } from '../model/workload.ts';
import { groupsOf } from '../model/workload-groups.ts';
import { resolveInbound } from '../resolve/inbound.ts';
import { scopeKey, scopeOf } from '../resolve/scope.ts';
import { resolveView } from '../resolve/view.ts';
import { probeText } from '../sidecar/probe-text.ts';
import { type Describable, findingsOf, section } from './describable.ts';
import { inboundRows } from './describe-inbound.ts';
import { healthText, rowOf } from './describe-words.ts';
import { failingRows } from './failing-rows.ts';

/** A workload: who it is, what it serves, who may call it on which terms, and what it may call. */
export function describeWorkload(
  known: Describable,
  workload: Workload | undefined,
  proxy: Proxy | undefined,
): Description {
  const { mesh, diagnostics } = known;
  const { name, namespace, labels } = workload ?? proxy ?? { name: '', namespace: '', labels: {} };
  const scope = scopeOf(mesh, { namespace, labels });
  const view = resolveView(mesh, scope);
  const inbound = proxy === undefined ? [] : resolveInbound(mesh, proxy);
  const backed = workload === undefined ? [] : servicesOf(known, workload.id);
  const refs = new Set([
    ...(workload?.by === undefined ? [] : [refText(workload.by.object)]),
    ...(workload?.group === undefined ? [] : [`WorkloadGroup/${namespace}/${workload.group.name}`]),
    ...[view.imports, view.unknownHosts, ...inbound.map(({ ingress }) => ingress)].flatMap((decided) =>
      decided === undefined || 'default' in decided.by ? [] : [refText(decided.by.object)],
    ),
    ...inbound.flatMap(({ mtls, authorization: { deny, allow = [] } }) => [
      ...('default' in mtls.by ? [] : [refText(mtls.by.object)]),
      ...[...deny, ...allow].map(({ by }) => refText(by.object)),
    ]),
  ]);
  return {
    subject: `Workload ${namespace}/${name}`,
    sections: [
      ...section('workload', [...aboutRows(workload, proxy), ...groupRows(known, workload)]),
      ...section('serves', backed),
      ...inbound.flatMap((each) => section(`application port ${each.port}`, inboundRows(each))),
      ...(proxy === undefined
        ? section('application ports', [
            rowOf(
              workload?.source === 'proxy'
                ? 'its sidecar is disconnected; its policies act there as it had them'
                : 'no sidecar stands before it: no policy acts on calls to it',
            ),
          ])
        : []),
      ...section('calls', [
        rowOf(`as a client it is of the scope ${scopeKey(scope)} and sees ${view.services.length} services`),
        ...sidecarRows(view),
        rowOf(`hosts that no service has: ${view.unknownHosts.value}`, view.unknownHosts.by),
        rowOf(
          'such hosts are named through HTTP_PROXY; a local port, or a listener of a Sidecar, leads to its own services alone',
        ),
        rowOf(`path normalization ${view.terms.pathNormalization.value}`, view.terms.pathNormalization.by),
      ]),
      ...section('fails', failingRows(known, proxy)),
      ...findingsOf(diagnostics, refs),
    ],
  };
}

/** What a Sidecar leaves of the mesh, and where else it may be called (P7, P8). */
function sidecarRows({ imports, listeners = [] }: View): readonly DescriptionRow[] {
  return [
    ...(imports === undefined ? [] : [rowOf(`imports ${imports.value.join(', ')}`, imports.by)]),
    ...listeners.map(({ at, protocol, targets }) => {
      const { value } = at;
      const where = value.kind === 'socket' ? value.path : `${value.address ?? 'its local address'}:${value.port}`;
      const hosts = targets.map(({ port: { destination, port } }) => `${destination.ref.host}:${port}`);
      return rowOf(`${protocol} listener at ${where} leads to ${hosts.join(', ') || 'nobody'}`, at.by);
    }),
  ];
}

function aboutRows(workload: Workload | undefined, proxy: Proxy | undefined): readonly DescriptionRow[] {
  const labels = Object.entries(workload?.labels ?? proxy?.labels ?? {}).map(([key, value]) => `${key}=${value}`);
  const identity = workload?.identity ?? proxy?.identity;
  return [
    ...(workload === undefined
      ? [rowOf('it did not join and no file places it: as its Service describes it')]
      : [
          rowOf(
            `${workload.address}, ${healthText(workload.health, workload)}, weight ${workload.weight}`,
            workload.by,
          ),
        ]),
    rowOf(identity === undefined ? 'no identity: it is called in plaintext' : `identity ${identity}`),
    rowOf(`labels ${labels.join(', ') || 'none'}`),
    ...(workload?.locality === undefined
      ? []
      : [rowOf(`in ${Object.values(workload.locality).filter(Boolean).join('/')}`, workload.by)]),
  ];
}

/** What its WorkloadGroup makes of it, how its health is found, and why it is not called. */
function groupRows({ mesh }: Describable, workload: Workload | undefined): readonly DescriptionRow[] {
  const { group: joined, trouble, namespace = '' } = workload ?? {};
  if (joined === undefined) return [];
  const group = groupsOf(mesh.policies)(namespace).get(joined.name);
  if (group === undefined) return [rowOf(`of WorkloadGroup ${joined.name}, which is gone`)];
  const { probe } = group.spec;
  const ground = { applicationAddress: 'its application' };
  return [
    rowOf(`of WorkloadGroup ${joined.name}`, provenance(group, 'spec.template')),
    ...(probe === undefined
      ? []
      : [
          rowOf(
            `probed every ${probe.period / 1_000} s: ${probeText(probe.check, ground)}`,
            provenance(group, 'spec.probe'),
          ),
        ]),
    ...(trouble === undefined
      ? []
      : [rowOf(`unhealthy since ${new Date(trouble.since).toISOString()}: ${trouble.reason}`)]),
    ...(joined.contradiction === undefined ? [] : [rowOf(`its next start is refused: ${joined.contradiction}`)]),
  ];
}

function servicesOf({ mesh }: Describable, id: string): readonly DescriptionRow[] {
  return mesh.services.flatMap((service) =>
    [...(mesh.endpoints.get(service.key) ?? [])].flatMap(([port, endpoints]) =>
      endpoints
        .filter(({ workload }) => workload === id)
        .map((endpoint) =>
          rowOf(`${service.host}:${port} at ${endpointText(endpoint.address, endpoint.port)}`, service.by),
        ),
    ),
  );
}
