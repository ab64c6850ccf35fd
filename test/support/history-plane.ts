import { createTreeCheck } from '../../src/control-plane/check-tree.ts';
import type { CheckedTree } from '../../src/control-plane/policy-source.ts';
import { createCell } from '../../src/model/readable.ts';
import type { Workload } from '../../src/model/workload.ts';
import { createKnownServices } from '../../src/registry/known-services.ts';
import { fakeClock } from './fake-clock.ts';
import { memoryStore } from './memory-store.ts';
import { byId, settings, workload } from './registry-values.ts';

/** Decision 47: verdicts follow the commit and what the state directory remembers, never who is away just now. */
export type Files = Readonly<Record<string, string>>;

export const networking = (kind: string, name: string, spec: string) =>
  `apiVersion: networking.istio.io/v1\nkind: ${kind}\nmetadata: { name: ${name} }\nspec: ${spec}\n---\n`;
export const route = (destination: string, more = '', name = 'catalog', hosts = 'catalog') =>
  networking(
    'VirtualService',
    name,
    `{ hosts: [${hosts}], http: [{ ${more}route: [{ destination: { ${destination} } }] }] }`,
  );
export const service = (name: string) =>
  `apiVersion: v1\nkind: Service\nmetadata: { name: ${name} }\nspec: { selector: { app: ${name} }, ports: [{ name: http, port: 9080 }] }\n---\n`;
export const reviews = workload('reviews-1', 'reviews', 19_080);
export const catalog = workload('catalog-1', 'catalog', 19_081);
export const withPorts = (name: string, of: string, ...ports: readonly (readonly [number, 'http' | 'tcp'])[]) =>
  workload(name, of, 19_100, { ports: ports.map(([port, protocol]) => ({ port, endpointPort: port, protocol })) });

/** A control plane with its memory; `restart` makes another one of the same state directory. */
export async function controlPlane(
  store = memoryStore(),
  members: readonly Workload[] = [],
  expected: readonly string[] = [],
) {
  const joined = createCell<ReadonlyMap<string, Workload>>(byId(...members));
  const known = createKnownServices({ store, clock: fakeClock(), settings, joined });
  await known.restore();
  const check = createTreeCheck({
    settings,
    folders: 'namespace',
    root: 'policies',
    joined: () => (known.away().isHistory ? joined.get() : undefined),
    away: known.away,
    expected: () => new Set(expected.map((name) => `${name}.shop.svc.cluster.local`)),
  });
  return {
    commit: (files: Files) => check(treeOf(files)),
    check,
    away: known.away,
    present: () => joined.get(),
    expected: new Set(expected.map((name) => `${name}.shop.svc.cluster.local`)),
    join: (...more: readonly Workload[]) => joined.set(new Map([...joined.get(), ...byId(...more)])),
    leave: (...gone: readonly Workload[]) => {
      const rest = new Map(joined.get());
      for (const { id } of gone) rest.delete(id);
      joined.set(rest);
    },
    restart: async () => {
      await known.close();
      return controlPlane(store, [...joined.get().values()], expected);
    },
  };
}

export const treeOf = (files: Files) => ({
  commit: JSON.stringify(files),
  files: Object.entries(files).map(([name, text]) => ({ path: `policies/shop/${name}.yaml`, text })),
  diagnostics: [],
  author: 'Ana',
  subject: 's',
  time: 0,
});
export const told = ({ diagnostics }: CheckedTree) =>
  diagnostics
    .filter(({ severity }) => severity !== 'info')
    .map(({ severity, code, field }) => `${severity} ${code} ${field}`);
export const destination = 'spec.http[0].route[0].destination';
