import type { Workload } from '../../src/model/workload.ts';
import { parsePolicies } from '../../src/policy/parse-policies.ts';
import { checkReferences } from '../../src/policy/references.ts';
import { buildServices } from '../../src/registry/services.ts';
import { settings, workload } from './resolve-values.ts';

export const object = (kind: string, id: string, spec: string) => {
  const [namespace, name] = id.split('/');
  const version = kind === 'Service' ? 'v1' : 'networking.istio.io/v1';
  return `---\napiVersion: ${version}\nkind: ${kind}\nmetadata: { name: ${name}, namespace: ${namespace} }\nspec: ${spec}\n`;
};
export const service = (id: string, ports = '[{ name: http, port: 80, targetPort: 9080 }]') =>
  object('Service', id, `{ selector: { app: ${id.split('/')[1]} }, ports: ${ports} }`);
export const sidecar = (id: string, spec: string) => object('Sidecar', id, spec);
export const external = (namespace: string) =>
  object(
    'ServiceEntry',
    `${namespace}/api`,
    '{ hosts: [api.test], resolution: DNS, ports: [{ number: 443, name: tls, protocol: TLS }] }',
  );
export const rule = (id: string, spec: string) => object('VirtualService', id, spec);

export const frontend = workload('frontend-1.shop', { labels: { app: 'frontend' }, ports: [] });

/** The findings about Sidecars in these documents: code, severity, field, message, hint. */
export function found(documents: readonly string[], workloads: readonly Workload[] | undefined = [frontend]) {
  const { policies, diagnostics } = parsePolicies([{ path: 'policies/a.yaml', text: documents.join('') }], {
    commit: '4f1c2ab',
    rootNamespace: 'istio-system',
    folders: 'free',
  });
  if (!policies) throw new Error(JSON.stringify(diagnostics));
  const { services } = buildServices(policies, new Map((workloads ?? []).map((each) => [each.id, each])), settings);
  const about = new Set([
    'WEFT0112',
    'WEFT0113',
    'WEFT0114',
    'WEFT0136',
    'WEFT0140',
    'WEFT0166',
    'WEFT0172',
    'WEFT0174',
    'WEFT0183',
    'WEFT0184',
    'WEFT0185',
  ]);
  return checkReferences(policies.objects, services, workloads, settings)
    .filter(
      ({ code, object: { kind } = { kind: '' } }) => about.has(code) || (code === 'WEFT0127' && kind === 'Sidecar'),
    )
    .map(({ code, severity, field, message, hint }) => ({ code, severity, field, message, hint }));
}

export const listener = (port: string, ...hosts: readonly string[]) =>
  sidecar('shop/x', `{ egress: [{ port: ${port}, hosts: ${JSON.stringify(hosts)} }] }`);
