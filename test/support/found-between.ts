import { createTreeCheck } from '../../src/control-plane/check-tree.ts';
import type { Diagnostic } from '../../src/model/diagnostic.ts';
import { spiffeId } from '../../src/model/identity.ts';
import type { Workload } from '../../src/model/workload.ts';
import { settings } from './registry-values.ts';

/* Documents of namespace shop, and what is found between them. */

export const core = (kind: string, name: string, spec: string) =>
  `apiVersion: v1\nkind: ${kind}\nmetadata: { name: ${name} }\nspec: ${spec}\n---\n`;
export const networking = (kind: string, name: string, spec: string) =>
  `apiVersion: networking.istio.io/v1\nkind: ${kind}\nmetadata: { name: ${name} }\nspec: ${spec}\n---\n`;
export const security = (kind: string, spec: string) =>
  `apiVersion: security.istio.io/v1\nkind: ${kind}\nmetadata: { name: x }\nspec: ${spec}\n---\n`;
export const service = (targetPort: string | number, name = 'http') =>
  core(
    'Service',
    'reviews',
    `{ selector: { app: reviews }, ports: [{ name: ${name}, port: 80, targetPort: ${targetPort} }] }`,
  );
export const workload = (more = '') =>
  networking('WorkloadEntry', 'r1', `{ address: 10.0.0.1, labels: { app: reviews }, serviceAccount: reviews${more} }`);

/** A workload that has joined with these ports. */
export const joined = (name: string, ports: readonly (number | [number, string])[]): Workload => ({
  id: `${name}.shop`,
  name,
  namespace: 'shop',
  labels: { app: 'reviews' },
  granted: { app: 'reviews' },
  service: 'reviews',
  serviceAccount: 'reviews',
  identity: spiffeId({ trustDomain: 'cluster.local', namespace: 'shop', serviceAccount: 'reviews' }),
  address: '10.0.0.2',
  ports: ports.map((one) => {
    const [port, portName] = typeof one === 'number' ? [one] : one;
    return { port, endpointPort: port + 10_000, ...(portName === undefined ? {} : { name: portName }) };
  }),
  weight: 1,
  health: 'healthy',
  source: 'proxy',
});

/** What is found in a file of namespace shop; its WorkloadEntries, and `members`, are all the workloads there are. */
export function found(
  text: string,
  code: string,
  namespace = 'shop',
  members: readonly Workload[] = [],
): readonly Diagnostic[] {
  const workloads = new Map(members.map((member) => [member.id, member]));
  const check = createTreeCheck({ settings, folders: 'namespace', root: 'policies', joined: () => workloads });
  const files = [{ path: `policies/${namespace}/a.yaml`, text }];
  const { diagnostics } = check({ commit: 'x', files, diagnostics: [], author: '', subject: '', time: 0 });
  return diagnostics.filter((one) => one.code === code);
}

/** The same as severity, field and hint. */
export const told = (...asked: Parameters<typeof found>): readonly string[] =>
  found(...asked).map(({ severity, field, hint }) => `${severity} ${field}: ${hint}`);
