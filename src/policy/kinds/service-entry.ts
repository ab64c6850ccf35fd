import { isIP } from 'node:net';
import { nearestName } from '../../model/nearest-name.ts';
import type { ServiceEntryObject } from '../../model/policy.ts';
import type { ServiceEntrySpec } from '../../model/registry-objects.ts';
import { isSocket } from '../../model/socket-path.ts';
import { fieldPath } from '../field-path.ts';
import { plainHost } from '../hosts.ts';
import { type LowerContext, networking, supportedKind } from '../kind-definition.ts';
import type { Infer } from '../shape.ts';
import { choice, labels, list, object, port, row, someOf, text } from '../shape-builders.ts';
import { beside, checkExportTo, exportTo, present, refuseRepeats } from './common.ts';
import { checkRanges, singleAddress } from './service-entry-addresses.ts';
import { lowerPort, protocolOf } from './service-ports.ts';
import { isAddress, lowerWorkloadEntry, workloadEntryShape } from './workload-entry.ts';

const shape = object(
  {
    hosts: row(someOf(text('host'), { max: 256 }), 'T0', 'services, under these names'),
    addresses: row(list(text('ip-or-cidr'), { max: 256 }), 'T0', 'addresses that lead to it'),
    ports: row(
      list(
        object(
          // The target is a number here; names are looked up in the ports of the endpoints.
          {
            number: port,
            name: text('any-case-label'),
            protocol: text(undefined, { allowEmpty: true }),
            targetPort: port,
          },
          { required: ['number', 'name'] },
        ),
        { max: 256 },
      ),
      'T0',
      'a cluster each, protocol as stated',
    ),
    location: row(choice(['MESH_EXTERNAL', 'MESH_INTERNAL']), 'T0', 'with mesh TLS or without', 'D21'),
    resolution: row(
      choice(['NONE', 'STATIC', 'DNS', 'DNS_ROUND_ROBIN', 'DYNAMIC_DNS']),
      'T0',
      'type of the cluster',
      'D21',
    ),
    endpoints: row(list(workloadEntryShape, { max: 4096 }), 'T0', 'its endpoints'),
    workloadSelector: row(object({ labels }), 'T0', 'endpoints: workloads with these labels'),
    exportTo,
    subjectAltNames: row(list(text()), 'T0', 'names that its servers may have'),
  },
  { required: ['hosts'], exclusive: [['endpoints', 'workloadSelector']] },
);

/** ServiceEntry: services that no `v1/Service` declares, inside the mesh or outside. */
export const serviceEntry = supportedKind<typeof shape, ServiceEntryObject>({
  kind: 'ServiceEntry',
  apiVersions: networking,
  spec: shape,
  lower(spec, context) {
    checkHosts(spec, context);
    checkContent(spec, context);
    checkResolution(spec, context);
    checkAddresses(spec, context);
    checkSockets(spec, context);
    if (spec.resolution === 'DYNAMIC_DNS') checkDynamic(spec, context);
    checkEndpointPorts(spec, context);
    const written = spec.ports ?? [];
    const ports = written.map(({ name, number, protocol, targetPort }, index) => {
      const field = `spec.ports[${index}]`;
      const stated = protocol ? { word: protocol, field: `${field}.protocol` } : undefined;
      return lowerPort({ name, number, targetPort, stated }, field, context);
    });
    refuseRepeats(
      context,
      ports.map(({ port: number }, index) => [`spec.ports[${index}].number`, number]),
      'port',
    );
    refuseRepeats(
      context,
      written.map(({ name }, index) => [`spec.ports[${index}].name`, name]),
      'port name',
    );
    return present<ServiceEntrySpec>({
      hosts: [...new Set(spec.hosts.map(plainHost))],
      addresses: (spec.addresses ?? []).map(singleAddress),
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
    const field = `spec.hosts[${index}]`;
    if (host === '*') {
      const hint = 'name the hosts; other destinations pass without an entry';
      context.report('WEFT0002', field, 'expected a host name or "*.name", got "*"', hint);
    } else if (isIP(host) !== 0) {
      const message = `expected a host name, got ${JSON.stringify(host)}`;
      context.report('WEFT0002', field, message, 'name the host; the address stands under addresses or endpoints');
      // Valid in Istio, but a proxy knows wildcards of whole labels only.
    } else if (host.startsWith('*') && !host.startsWith('*.')) {
      context.refuse(field, 'never', host, { hint: 'write the names that it means, or "*.name"' });
    }
  });
  const names = spec.hosts.map(plainHost);
  names.forEach((host, index) => {
    const first = names.indexOf(host);
    if (first === index) return;
    const message = `has no effect: spec.hosts[${first}] is the same host`;
    context.report('WEFT0132', `spec.hosts[${index}]`, message, 'remove it');
  });
}

/** What Istio takes and nobody can have meant: a host that cannot be called, a selector that selects everybody. */
function checkContent({ ports = [], workloadSelector }: Written, context: LowerContext): void {
  if (ports.length === 0) {
    context.report('WEFT0132', 'spec.hosts', 'has no effect without ports: nobody can call the host', 'add ports');
  }
  if (workloadSelector && Object.keys(workloadSelector.labels ?? {}).length === 0) {
    const message = `narrows nothing without labels: every workload of namespace ${context.namespace} becomes an endpoint`;
    context.report('WEFT0132', 'spec.workloadSelector', message, 'add the labels of those that serve the host');
  }
}

/** Where DNS has the say, a range is refused already. */
function checkAddresses(
  { hosts, addresses = [], ports = [], resolution = 'NONE' }: Written,
  context: LowerContext,
): void {
  if (resolution !== 'NONE' && resolution !== 'STATIC') return;
  const [host] = hosts;
  const opaque = ports.some(({ protocol = '' }) => !namesHost.test(protocol) && !isRefused(protocol));
  const isResolved = host !== undefined && !host.startsWith('*') && resolution === 'NONE' && opaque;
  checkRanges(context, addresses, isResolved ? { host } : undefined);
}

/** Protocols whose connections say which host they are for. */
const namesHost = /^(?:http|http2|http_proxy|grpc|grpc-web|https|tls)$/i;

/** Whether the word is told on its own already, as none of the protocols (WEFT0119). */
function isRefused(protocol: string): boolean {
  return protocol !== '' && protocolOf(protocol) === undefined;
}

/** The ports of endpoints are those of the entry, and TCP ports of several hosts cannot be told apart. */
function checkEndpointPorts(spec: Written, context: LowerContext): void {
  const ports = spec.ports ?? [];
  const names = ports.map(({ name }) => name);
  (spec.endpoints ?? []).forEach((entry, index) => {
    for (const name of Object.keys(entry.ports ?? {})) {
      if (names.includes(name)) continue;
      const near = nearestName(name, names);
      const message = `expected the name of a port of this entry, got ${JSON.stringify(name)}`;
      const hint = near ? `did you mean ${JSON.stringify(near)}?` : `ports: ${names.join(', ') || 'none'}`;
      context.report('WEFT0002', fieldPath(`spec.endpoints[${index}].ports`, name), message, hint);
    }
  });
  if (spec.hosts.length < 2 || (spec.resolution ?? 'NONE') === 'NONE') return;
  ports.forEach(({ protocol = '' }, index) => {
    if (namesHost.test(protocol) || isRefused(protocol)) return;
    const got = protocol === '' ? 'none' : JSON.stringify(protocol);
    const message = `expected a protocol that tells several hosts apart (HTTP or TLS families), got ${got}`;
    context.report(
      'WEFT0002',
      `spec.ports[${index}]`,
      message,
      'set protocol: HTTP or TLS, or write an entry for each host',
    );
  });
}

/** Which endpoints go with which resolution. */
function checkResolution(spec: Written, context: LowerContext): void {
  const { resolution = 'NONE', endpoints = [] } = spec;
  const dns = resolution === 'DNS' || resolution === 'DNS_ROUND_ROBIN';
  if (spec.workloadSelector && (resolution === 'NONE' || resolution === 'DYNAMIC_DNS')) {
    const message = `has no effect with resolution ${resolution}`;
    context.report('WEFT0132', 'spec.workloadSelector', message, 'set resolution: STATIC, or remove it');
  }
  if (resolution === 'NONE' && endpoints.length > 0) {
    context.report(
      'WEFT0137',
      'spec.endpoints',
      'resolution NONE and endpoints exclude each other',
      'set resolution: STATIC',
      spec.resolution === undefined ? {} : beside(context, 'spec', 'resolution'),
    );
  }
  if (dns) {
    spec.addresses?.forEach((address, index) => {
      if (!address.includes('/')) return;
      const message = `expected an IP address beside ${resolution}, got ${JSON.stringify(address)}`;
      context.report('WEFT0002', `spec.addresses[${index}]`, message, 'set resolution: STATIC or NONE');
    });
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
      // "*" alone is refused whatever the resolution.
      if (!host.startsWith('*') || host === '*') return;
      const message = `expected a name that DNS can resolve, got ${JSON.stringify(host)}`;
      const instead = spec.workloadSelector
        ? 'write its names, or set resolution: STATIC'
        : 'add endpoints, or set resolution: NONE';
      context.report('WEFT0002', `spec.hosts[${index}]`, message, instead);
    });
  }
  if (resolution !== 'STATIC') return;
  if (endpoints.length === 0 && !spec.workloadSelector) {
    const message = 'STATIC has no effect without endpoints or workloadSelector: calls find nobody';
    const hint = 'add endpoints, or set resolution: DNS for hosts that DNS can resolve';
    context.report('WEFT0132', 'spec.resolution', message, hint);
  }
  endpoints.forEach((entry, index) => {
    const { address } = entry;
    // What is no address of any kind is told as such.
    if (address === undefined || isIP(address) !== 0 || isSocket(address) || !isAddress(address)) return;
    const message = `expected an IP address with STATIC, got ${JSON.stringify(address)}`;
    context.report('WEFT0002', `spec.endpoints[${index}].address`, message, 'set resolution: DNS');
  });
}

/** A socket has no ports: it serves the one that the entry has, and is called where its proxy stands. */
function checkSockets(spec: Written, context: LowerContext): void {
  const { endpoints = [], ports = [], resolution = 'NONE' } = spec;
  endpoints.forEach(({ address }, index) => {
    if (address === undefined || !isSocket(address)) return;
    const field = `spec.endpoints[${index}].address`;
    if (resolution === 'DNS' || resolution === 'DNS_ROUND_ROBIN') {
      const message = `expected an IP address or a host name with ${resolution}, got ${JSON.stringify(address)}`;
      context.report('WEFT0002', field, message, 'set resolution: STATIC');
    } else if (ports.length !== 1) {
      const message = `expected one port in an entry with a unix socket, got ${ports.length}`;
      context.report('WEFT0002', field, message, 'write an entry for each port');
    }
  });
}

/** What a proxy resolves from the host of a request or the server name of a connection (Istio's rules). */
function checkDynamic(spec: Written, context: LowerContext): void {
  const { hosts, addresses = [], endpoints = [], ports = [] } = spec;
  hosts.forEach((host, index) => {
    if (host.startsWith('*')) return;
    const message = `expected "*.name" with DYNAMIC_DNS, got ${JSON.stringify(host)}`;
    context.report('WEFT0002', `spec.hosts[${index}]`, message, 'set resolution: DNS for a host with a name');
  });
  for (const [field, written] of [
    ['addresses', addresses],
    ['endpoints', endpoints],
  ] as const) {
    if (written.length === 0) continue;
    const message = `resolution DYNAMIC_DNS and ${field} exclude each other`;
    context.report(
      'WEFT0137',
      `spec.${field}`,
      message,
      `set resolution: STATIC, or remove ${field}`,
      beside(context, 'spec', 'resolution'),
    );
  }
  ports.forEach(({ protocol = '' }, index) => {
    if (/^(?:http|tls|grpc|http2)$/i.test(protocol) || isRefused(protocol)) return;
    const got = protocol === '' ? 'none' : JSON.stringify(protocol);
    const message = `expected protocol HTTP, HTTP2, GRPC or TLS with DYNAMIC_DNS, got ${got}`;
    const field = protocol === '' ? `spec.ports[${index}]` : `spec.ports[${index}].protocol`;
    context.report(
      'WEFT0002',
      field,
      message,
      'write protocol: HTTP or TLS: a host is known from requests and from TLS alone',
    );
  });
}
