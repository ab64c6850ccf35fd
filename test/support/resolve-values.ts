import type { DestinationRuleSpec } from '../../src/model/destination-rule.ts';
import type { HealthCheckSpec } from '../../src/model/health-check.ts';
import type { SpiffeId } from '../../src/model/identity.ts';
import type { OutboundPort, OutboundService, View } from '../../src/model/ir.ts';
import type { Destination } from '../../src/model/ir-destination.ts';
import type { Route } from '../../src/model/ir-route.ts';
import type { Mesh, MeshSettings } from '../../src/model/mesh.ts';
import type { MeshConfigSpec } from '../../src/model/mesh-config.ts';
import type {
  AuthorizationPolicyObject,
  DestinationRuleObject,
  HealthCheckObject,
  Labels,
  MeshConfigObject,
  PeerAuthenticationObject,
  Policy,
  Protocol,
  ServiceObject,
  SidecarObject,
  VirtualServiceObject,
} from '../../src/model/policy.ts';
import type { SourceRange } from '../../src/model/provenance.ts';
import type { Proxy } from '../../src/model/proxy.ts';
import type { ServicePortSpec } from '../../src/model/registry-objects.ts';
import type {
  AuthorizationPolicySpec,
  AuthorizationRule,
  PeerAuthenticationSpec,
} from '../../src/model/security-policy.ts';
import type { Endpoint, Service, ServiceKey } from '../../src/model/service.ts';
import { serviceKeyOf } from '../../src/model/service.ts';
import type { ImportedHosts, SidecarSpec } from '../../src/model/sidecar-policy.ts';
import type { HttpMatch, HttpRule } from '../../src/model/virtual-service.ts';
import type { Workload } from '../../src/model/workload.ts';
import { resolveView } from '../../src/resolve/view.ts';

export const settings: MeshSettings = {
  trustDomain: 'demo.mesh',
  dnsSuffix: 'cluster.local',
  rootNamespace: 'istio-system',
};

/** A place in the text that tells the object and the line. */
export function place(file: string, line: number): SourceRange {
  return { file, line, column: 1, endLine: line, endColumn: 9 };
}

function policy<K extends Policy['kind'], S>(
  kind: K,
  id: string,
  spec: S,
  lines: Readonly<Record<string, number>> = {},
) {
  const [namespace = '', name = ''] = id.split('/');
  const file = `${namespace}/${name}.yaml`;
  return {
    kind,
    namespace,
    name,
    labels: {},
    annotations: {},
    spec,
    at: place(file, 1),
    commit: '4f1c2ab',
    positions: new Map(Object.entries(lines).map(([field, line]) => [field, place(file, line)])),
  };
}

/** `id` is `namespace/name`; `lines` gives places to field paths. */
export function virtualService(
  id: string,
  hosts: readonly string[],
  http: readonly Partial<HttpRule>[],
  exportTo: readonly string[] = ['*'],
  lines?: Readonly<Record<string, number>>,
): VirtualServiceObject {
  const rules = http.map((rule) => ({ match: [], route: [], mirrors: [], ...rule }));
  return policy('VirtualService', id, { hosts, exportTo, http: rules, tls: [], tcp: [] }, lines);
}

export function httpMatch(match: Partial<HttpMatch>): HttpMatch {
  return { ignoreUriCase: false, headers: {}, withoutHeaders: {}, queryParams: {}, sourceLabels: {}, ...match };
}

/** A destination without conditions: `to('reviews')`. */
export function to(host: string, subset?: string, weight?: number) {
  return {
    destination: subset === undefined ? { host } : { host, subset },
    ...(weight === undefined ? {} : { weight }),
  };
}

export function destinationRule(
  id: string,
  spec: Partial<DestinationRuleSpec> & { readonly host: string },
  lines?: Readonly<Record<string, number>>,
): DestinationRuleObject {
  return policy('DestinationRule', id, { exportTo: ['*'], subsets: [], ...spec }, lines);
}

/** Checks connections to `reviews` unless told otherwise. */
export function healthCheck(id: string, spec: Partial<HealthCheckSpec>): HealthCheckObject {
  const times = { interval: 10_000, timeout: 1_000, unhealthyAfter: 3, healthyAfter: 2 };
  return policy('HealthCheck', id, { host: 'reviews', ...times, probe: { kind: 'tcp' }, ...spec });
}

/** Without ingress unless told otherwise. */
export function sidecar(
  id: string,
  spec: Partial<SidecarSpec>,
  lines?: Readonly<Record<string, number>>,
): SidecarObject {
  return policy('Sidecar', id, { ingress: [], ...spec }, lines);
}

/** `./*`, `~bank/a.b`: an entry of egress.hosts as it is read. */
export function importedHosts(...texts: readonly string[]): readonly ImportedHosts[] {
  return texts.map((text) => {
    const [space = '', host = ''] = text.split('/');
    const excluded = space.startsWith('~');
    return { text, namespace: excluded ? space.slice(1) || '*' : space, host, excluded };
  });
}

export function peerAuthentication(
  id: string,
  spec: Partial<PeerAuthenticationSpec>,
  lines?: Readonly<Record<string, number>>,
): PeerAuthenticationObject {
  return policy('PeerAuthentication', id, { portLevelMtls: {}, ...spec }, lines);
}

const nothing = {
  from: {
    principals: [],
    notPrincipals: [],
    namespaces: [],
    notNamespaces: [],
    serviceAccounts: [],
    notServiceAccounts: [],
    trustDomains: [],
    notTrustDomains: [],
    ipBlocks: [],
    notIpBlocks: [],
    remoteIpBlocks: [],
    notRemoteIpBlocks: [],
    requestPrincipals: [],
    notRequestPrincipals: [],
  },
  to: { hosts: [], notHosts: [], methods: [], notMethods: [], paths: [], notPaths: [], ports: [], notPorts: [] },
  when: { values: [], notValues: [] },
};

export interface ShortRule {
  readonly from?: readonly Partial<AuthorizationRule['from'][number]>[];
  readonly to?: readonly Partial<AuthorizationRule['to'][number]>[];
  readonly when?: readonly (Partial<AuthorizationRule['when'][number]> & { readonly key: string })[];
}

export function authorizationRule(rule: ShortRule): AuthorizationRule {
  return {
    from: (rule.from ?? []).map((source) => ({ ...nothing.from, ...source })),
    to: (rule.to ?? []).map((operation) => ({ ...nothing.to, ...operation })),
    when: (rule.when ?? []).map((condition) => ({ ...nothing.when, ...condition })),
  };
}

export function authorizationPolicy(
  id: string,
  action: 'ALLOW' | 'DENY',
  rules: readonly ShortRule[],
  selector?: Labels,
): AuthorizationPolicyObject {
  const spec: AuthorizationPolicySpec = { action, rules: rules.map(authorizationRule), ...(selector && { selector }) };
  return policy('AuthorizationPolicy', id, spec);
}

export function serviceObject(id: string, selector: Labels, ports: readonly ServicePortSpec[]): ServiceObject {
  return policy('Service', id, { selector, ports, addresses: [], exportTo: [] });
}

/** The MeshConfig: what is not said stays with the defaults. */
export function meshConfig(spec: Partial<MeshConfigSpec>, lines?: Readonly<Record<string, number>>): MeshConfigObject {
  const namespace = spec.rootNamespace ?? settings.rootNamespace;
  return policy('MeshConfig', `${namespace}/mesh`, { trustDomainAliases: [], exportTo: {}, ...spec }, lines);
}

export type Ports = Readonly<Record<number, Protocol>>;

/** A v1/Service as the registry makes it. */
export function service(id: string, ports: Ports = { 9080: 'http' }, more: Partial<Service> = {}): Service {
  const [namespace = '', name = ''] = id.split('/');
  const host = `${name}.${namespace}.svc.cluster.local`;
  return {
    key: serviceKeyOf(namespace, host),
    namespace,
    name,
    host,
    origin: 'service',
    external: false,
    resolution: 'registry',
    addresses: [],
    ports: Object.entries(ports).map(([number, protocol]) => ({ number: Number(number), protocol })),
    exportTo: ['*'],
    subjectAltNames: [],
    ...more,
  };
}

/** One host of a ServiceEntry. */
export function entry(namespace: string, host: string, more: Partial<Service> = {}): Service {
  return service(
    `${namespace}/${host}`,
    { 80: 'http' },
    {
      key: serviceKeyOf(namespace, host),
      name: host,
      host,
      origin: 'entry',
      external: true,
      ...more,
    },
  );
}

export function identityOf(namespace: string, account: string): SpiffeId {
  return `spiffe://demo.mesh/ns/${namespace}/sa/${account}` as SpiffeId;
}

export function endpoint(workload: string, more: Partial<Endpoint> = {}): Endpoint {
  return {
    workload,
    address: '10.0.0.1',
    port: 19080,
    applicationPort: 9080,
    labels: {},
    weight: 1,
    health: 'healthy',
    ...more,
  };
}

export function workload(id: string, more: Partial<Workload> = {}): Workload {
  const [name = '', namespace = ''] = id.split('.');
  return {
    id,
    name,
    namespace,
    labels: {},
    address: '10.0.0.1',
    ports: [{ port: 9080, endpointPort: 19080 }],
    weight: 1,
    health: 'healthy',
    source: 'proxy',
    ...more,
  };
}

export function proxy(id: string, more: Partial<Proxy> = {}): Proxy {
  const [name = '', namespace = ''] = id.split('.');
  return {
    id,
    name,
    namespace,
    service: name,
    labels: { app: name },
    identity: identityOf(namespace, name),
    ports: [{ port: 9080, inbound: 19080, protocol: 'http' }],
    inboundBind: '0.0.0.0',
    applicationAddress: '127.0.0.1',
    capture: { bind: '127.0.0.1', ports: false },
    envoyVersion: '1.40.0',
    ...more,
  };
}

export interface MeshParts {
  readonly policies?: readonly Policy[];
  readonly services?: readonly Service[];
  /** By service key, then port. */
  readonly endpoints?: Readonly<Record<string, Readonly<Record<number, readonly Endpoint[]>>>>;
  readonly workloads?: readonly Workload[];
  readonly localPorts?: Readonly<Record<string, number>>;
  readonly settings?: MeshSettings;
}

export function mesh(parts: MeshParts): Mesh {
  const services = [...(parts.services ?? [])].sort((a, b) => (a.key < b.key ? -1 : 1));
  return {
    generation: 1,
    // A copy: no test shares what resolution remembers with another.
    settings: parts.settings ?? { ...settings },
    policies: { commit: '4f1c2ab', objects: parts.policies ?? [] },
    services,
    endpoints: new Map(
      Object.entries(parts.endpoints ?? {}).map(([key, ports]) => [
        key as ServiceKey,
        new Map(Object.entries(ports).map(([port, list]) => [Number(port), list])),
      ]),
    ),
    workloads: new Map((parts.workloads ?? []).map((each) => [each.id, each])),
    localPorts: new Map(Object.entries(parts.localPorts ?? {})),
  };
}

/** The view of one namespace without labels. */
export function viewOf(parts: MeshParts, namespace = 'shop', labels: Labels = {}): View {
  return resolveView(mesh(parts), { namespace, labels });
}

/** `id` is `namespace/name`. */
export function outbound(view: View, id: string): OutboundService {
  const found = view.services.find((each) => `${each.namespace}/${each.name}` === id);
  if (found === undefined) throw new Error(`no ${id} in ${view.services.map((each) => each.service)}`);
  return found;
}

export function outboundPort(view: View, id: string, port = 9080): OutboundPort {
  const found = outbound(view, id).ports.find((each) => each.port === port);
  if (found === undefined) throw new Error(`no port ${port} of ${id}`);
  return found;
}

export function destinationOf(view: View, id: string, subset?: string, port = 9080): Destination {
  const found = outboundPort(view, id, port).destinations.find((each) => each.ref.subset === subset);
  if (found === undefined) throw new Error(`no subset ${subset} of ${id}`);
  return found;
}

/** The forward action of a route. */
export function forward(route: Route | undefined) {
  if (route?.action.kind !== 'forward') throw new Error(`not a forward: ${JSON.stringify(route)}`);
  return route.action;
}
