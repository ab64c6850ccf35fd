import { isIP } from 'node:net';
import type { ServiceEntryObject } from '../../model/policy.ts';
import type { ServiceEntrySpec } from '../../model/registry-objects.ts';
import { plainHost } from '../hosts.ts';
import { type LowerContext, networking, supportedKind } from '../kind-definition.ts';
import { choice, type Infer, labels, list, object, port, portOrName, row, someOf, text } from '../shape.ts';
import { checkExportTo, exportTo, present, refuseRepeats } from './common.ts';
import { lowerPort } from './service-ports.ts';
import { lowerWorkloadEntry, workloadEntryShape } from './workload-entry.ts';

const shape = object(
  {
    hosts: row(someOf(text('host')), 'T0', 'services, under these names'),
    addresses: row(list(text('ip-or-cidr')), 'T0', 'addresses that lead to it'),
    ports: row(
      someOf(
        object(
          { number: port, name: text('label'), protocol: text(), targetPort: portOrName },
          { required: ['number', 'name'] },
        ),
      ),
      'T0',
      'a cluster each, protocol as stated',
    ),
    location: row(choice(['MESH_EXTERNAL', 'MESH_INTERNAL']), 'T0', 'with mesh TLS or without', 'D21'),
    resolution: row(
      choice(['NONE', 'STATIC', 'DNS', 'DNS_ROUND_ROBIN'], { refused: { DYNAMIC_DNS: 'T1' } }),
      'T0',
      'type of the cluster',
      'D21',
    ),
    endpoints: row(list(workloadEntryShape), 'T0', 'its endpoints'),
    workloadSelector: row(object({ labels }), 'T0', 'endpoints: workloads with these labels'),
    exportTo,
    subjectAltNames: row(list(text()), 'T0', 'names that its servers may have'),
  },
  { required: ['hosts', 'ports'], exclusive: [['endpoints', 'workloadSelector']] },
);

/** ServiceEntry: services that no `v1/Service` declares, inside the mesh or outside. */
export const serviceEntry = supportedKind<typeof shape, ServiceEntryObject>({
  kind: 'ServiceEntry',
  apiVersions: networking,
  spec: shape,
  lower(spec, context) {
    checkHosts(spec, context);
    checkResolution(spec, context);
    const ports = spec.ports.map((written, index) => {
      const field = `spec.ports[${index}]`;
      const stated =
        written.protocol === undefined ? undefined : { word: written.protocol, field: `${field}.protocol` };
      return lowerPort(
        { name: written.name, number: written.number, targetPort: written.targetPort, stated },
        field,
        context,
      );
    });
    refuseRepeats(
      context,
      ports.map(({ port: number }, index) => [`spec.ports[${index}].number`, number]),
      'port',
    );
    refuseRepeats(
      context,
      spec.ports.map(({ name }, index) => [`spec.ports[${index}].name`, name]),
      'port name',
    );
    return present<ServiceEntrySpec>({
      hosts: spec.hosts.map(plainHost),
      addresses: spec.addresses ?? [],
      ports,
      location: spec.location ?? 'MESH_EXTERNAL',
      resolution: spec.resolution ?? 'NONE',
      endpoints: (spec.endpoints ?? []).map((entry, index) =>
        lowerWorkloadEntry(entry, `spec.endpoints[${index}]`, {}, context),
      ),
      workloadSelector: spec.workloadSelector && (spec.workloadSelector.labels ?? {}),
      exportTo: checkExportTo(context, spec.exportTo, true),
      subjectAltNames: spec.subjectAltNames ?? [],
    });
  },
});

type Written = Infer<typeof shape>;

function checkHosts(spec: Written, context: LowerContext): void {
  spec.hosts.forEach((host, index) => {
    if (host !== '*') return;
    context.report(
      'WEFT0002',
      `spec.hosts[${index}]`,
      'expected a host name or "*.name", got "*"',
      'name the hosts; other destinations pass without an entry',
    );
  });
  refuseRepeats(
    context,
    spec.hosts.map((host, index) => [`spec.hosts[${index}]`, plainHost(host)]),
    'host',
  );
}

/** Which endpoints go with which resolution. */
function checkResolution(spec: Written, context: LowerContext): void {
  const { resolution = 'NONE', endpoints = [] } = spec;
  const dns = resolution === 'DNS' || resolution === 'DNS_ROUND_ROBIN';
  if (resolution === 'NONE' && endpoints.length > 0) {
    context.report(
      'WEFT0137',
      'spec.endpoints',
      'resolution NONE and endpoints exclude each other',
      'set resolution: STATIC',
    );
  }
  if (resolution === 'STATIC' && endpoints.length === 0 && !spec.workloadSelector) {
    context.report(
      'WEFT0002',
      'spec.resolution',
      'expected endpoints or a workloadSelector beside STATIC, got none',
      'add endpoints',
    );
  }
  if (dns && spec.workloadSelector) {
    context.report(
      'WEFT0137',
      'spec.workloadSelector',
      `resolution ${resolution} and workloadSelector exclude each other`,
      'set resolution: STATIC',
    );
  }
  if (resolution === 'DNS_ROUND_ROBIN' && endpoints.length > 1) {
    context.report(
      'WEFT0002',
      'spec.endpoints',
      `expected at most one endpoint with DNS_ROUND_ROBIN, got ${endpoints.length}`,
      'set resolution: DNS',
    );
  }
  if (dns && endpoints.length === 0) {
    spec.hosts.forEach((host, index) => {
      if (!host.startsWith('*')) return;
      const message = `expected a name that DNS can resolve, got ${JSON.stringify(host)}`;
      context.report('WEFT0002', `spec.hosts[${index}]`, message, 'add endpoints, or set resolution: NONE');
    });
  }
  if (resolution !== 'STATIC') return;
  endpoints.forEach((entry, index) => {
    if (isIP(entry.address) !== 0 || entry.address.startsWith('unix://')) return;
    const message = `expected an IP address with STATIC, got ${JSON.stringify(entry.address)}`;
    context.report('WEFT0002', `spec.endpoints[${index}].address`, message, 'set resolution: DNS');
  });
}
