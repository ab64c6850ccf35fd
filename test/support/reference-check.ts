import { expect } from 'vitest';
import type { Diagnostic } from '../../src/model/diagnostic.ts';
import { spiffeId } from '../../src/model/identity.ts';
import type { Service } from '../../src/model/service.ts';
import { serviceKeyOf } from '../../src/model/service.ts';
import type { Workload } from '../../src/model/workload.ts';
import { serviceHost } from '../../src/policy/hosts.ts';
import { parsePolicies } from '../../src/policy/parse-policies.ts';
import { checkReferences } from '../../src/policy/references.ts';
import { silence } from '../../src/policy/silencers.ts';

export const settings = { trustDomain: 'cluster.local', dnsSuffix: 'cluster.local', rootNamespace: 'istio-system' };

/** Services of the policies as the registry makes them, without endpoints. */
function servicesOf(objects: ReturnType<typeof parsePolicies>['objects']): readonly Service[] {
  return objects.flatMap((object): Service[] => {
    if (object.kind !== 'Service' && object.kind !== 'ServiceEntry') return [];
    const { namespace } = object;
    const hosts =
      object.kind === 'Service' ? [serviceHost(object.name, namespace, 'cluster.local')] : object.spec.hosts;
    return hosts.map((host) => ({
      key: serviceKeyOf(namespace, host),
      namespace,
      name: object.kind === 'Service' ? object.name : host,
      host,
      origin: object.kind === 'Service' ? 'service' : 'entry',
      external: false,
      resolution: 'registry',
      addresses: [],
      ports: object.spec.ports.map(({ port, protocol }) => ({ number: port, protocol })),
      exportTo: ['*'],
      subjectAltNames: [],
      by: { object: { kind: object.kind, namespace, name: object.name }, field: 'spec', at: object.at, commit: 'x' },
    }));
  });
}

export function workload(
  name: string,
  labels: Readonly<Record<string, string>>,
  more: Partial<Workload> = {},
): Workload {
  return {
    id: `${name}.shop`,
    name,
    namespace: 'shop',
    labels,
    ...(labels.app === undefined ? {} : { granted: { app: labels.app } }),
    serviceAccount: name,
    identity: spiffeId({ trustDomain: 'cluster.local', namespace: 'shop', serviceAccount: name }),
    address: '10.0.0.1',
    ports: [{ port: 9080, endpointPort: 9080 }],
    weight: 1,
    health: 'healthy',
    source: 'proxy',
    ...more,
  };
}

export const workloads = [
  workload('reviews', { app: 'reviews', version: 'v1' }),
  workload('frontend', { app: 'frontend' }),
];

/** What is found between the objects of one text, and of a MeshConfig; where `‹` stands in the text. */
export function check(
  text: string,
  known: readonly Workload[] | 'no registry' = workloads,
  meshConfig = '',
): { found: readonly Diagnostic[]; text: string } {
  const start = text.indexOf('‹');
  const plain = text.replace('‹', '');
  const files = [
    { path: 'policies/shop/a.yaml', text: plain },
    ...(meshConfig === '' ? [] : [{ path: 'policies/meshconfig.yaml', text: meshConfig }]),
  ];
  const parsed = parsePolicies(files, {
    commit: 'x',
    rootNamespace: 'istio-system',
    folders: 'free',
  });
  expect(parsed.diagnostics.filter(({ severity }) => severity === 'error')).toEqual([]);
  const found = checkReferences(
    parsed.objects,
    servicesOf(parsed.objects),
    known === 'no registry' ? undefined : known,
    settings,
  );
  return { found: silence(found, parsed.silencers, 'references'), text: start === -1 ? '' : plain.slice(0, start) };
}

export const meta = (name: string, namespace = 'shop') => `metadata: { name: ${name}, namespace: ${namespace} }`;
export const service = (name: string, ports: string, selector = `{ app: ${name} }`) =>
  `apiVersion: v1\nkind: Service\n${meta(name)}\nspec: { selector: ${selector}, ports: [${ports}] }\n---\n`;
export const http = (port: number) => `{ name: http-${port}, port: ${port} }`;
export const reviews = service('reviews', http(9080));
export const vs = (name: string, spec: string, namespace = 'shop') =>
  `apiVersion: networking.istio.io/v1\nkind: VirtualService\n${meta(name, namespace)}\nspec:\n${spec}---\n`;
export const dr = (name: string, spec: string, namespace = 'shop') =>
  `apiVersion: networking.istio.io/v1\nkind: DestinationRule\n${meta(name, namespace)}\nspec:\n${spec}---\n`;
export const security = (kind: string, name: string, spec: string, namespace = 'shop') =>
  `apiVersion: security.istio.io/v1\nkind: ${kind}\n${meta(name, namespace)}\nspec:\n${spec}---\n`;
export const route = (destination: string) =>
  `  hosts: [reviews]\n  http: [{ route: [{ destination: ${destination} }] }]\n`;
