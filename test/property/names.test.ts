import fc from 'fast-check';
import { expect, test } from 'vitest';
import { offlineMesh } from '../../src/control-plane/offline-mesh.ts';
import { bareCaller } from '../../src/control-plane/offline-proxy.ts';
import { resourcesOf } from '../../src/control-plane/proxy-resources.ts';
import { parsePolicies } from '../../src/policy/parse-policies.ts';
import { destinationOfCluster } from '../../src/translate/names.ts';

const settings = { trustDomain: 'demo.mesh', dnsSuffix: 'cluster.local', rootNamespace: 'istio-system' };
const networking = 'networking.istio.io/v1';

/** Names whose parts could be taken for others' when they are joined, cut or escaped. */
const label = fc.constantFrom('a', 'b', 'a-b', 'a-1', '1', 'ab', 'x', 'svc', 'out', 'proxy', 'unknown', 'in-80', 'v1');
const namespace = fc.constantFrom('a', 'b', 'a-b', 'shop');
/** The last part of a host is no number. */
const last = label.filter((text) => text !== '1');
const entryHost = fc.oneof(
  fc.tuple(label, last).map(([one, two]) => `${one}.${two}`),
  fc.tuple(label, label, last).map((parts) => parts.join('.')),
  fc.tuple(label, last).map(([one, two]) => `*.${one}.${two}`),
  fc.tuple(label, label).map(([one, two]) => `${one}.${two}.svc.other`),
);
const port = fc.constantFrom(1, 80, 81, 180, 8080);
const subset = fc.constantFrom('v1', 'v-1', '1', '80', 'a', 'a-b');

interface Declared {
  readonly kind: 'Service' | 'ServiceEntry';
  readonly namespace: string;
  readonly host: string;
  readonly ports: readonly number[];
  readonly subsets: readonly string[];
}

const ports = fc.uniqueArray(port, { minLength: 1, maxLength: 2 });
const subsets = fc.uniqueArray(subset, { maxLength: 2 });
const declared: fc.Arbitrary<Declared> = fc.oneof(
  fc.record({ kind: fc.constant('Service' as const), namespace, host: label, ports, subsets }),
  fc.record({ kind: fc.constant('ServiceEntry' as const), namespace, host: entryHost, ports, subsets }),
);
/** Each host of a namespace once: two of one name would be one service (WEFT0011, or the first by name). */
const all = fc.uniqueArray(declared, {
  minLength: 2,
  maxLength: 8,
  selector: ({ namespace: space, host }) => `${space}/${host}`,
});

function documents({ kind, namespace: space, host, ports: numbers, subsets: names }: Declared, index: number) {
  const metadata = { name: kind === 'Service' ? host : `e${index}`, namespace: space };
  const full = kind === 'Service' ? `${host}.${space}.svc.cluster.local` : host;
  const named = numbers.map((number) => ({ name: `http-${number}`, number }));
  const service =
    kind === 'Service'
      ? {
          apiVersion: 'v1',
          kind,
          metadata,
          spec: { selector: { app: host }, ports: named.map(({ name, number }) => ({ name, port: number })) },
        }
      : {
          apiVersion: networking,
          kind,
          metadata,
          spec: { hosts: [host], ports: named.map((each) => ({ ...each, protocol: 'HTTP' })), resolution: 'STATIC' },
        };
  const rule = {
    apiVersion: networking,
    kind: 'DestinationRule',
    metadata: { name: `r${index}`, namespace: space },
    spec: { host: full, subsets: names.map((name) => ({ name, labels: { version: name } })) },
  };
  const check = {
    apiVersion: 'weft.dev/v1alpha1',
    kind: 'HealthCheck',
    metadata: { name: `c${index}`, namespace: space },
    spec: { host: full, tcp: {} },
  };
  return names.length === 0 ? [service] : [service, rule, check];
}

test('P25 of all that a proxy is told, no two share a name, and each name leads back to its destination', () => {
  fc.assert(
    fc.property(all, namespace, (list, client) => {
      const text = list
        .flatMap(documents)
        .map((one) => JSON.stringify(one))
        .join('\n---\n');
      const { policies, diagnostics } = parsePolicies([{ path: 'a.yaml', text }], {
        commit: '4f1c2ab',
        rootNamespace: settings.rootNamespace,
        folders: 'free',
      });
      if (policies === undefined) throw new Error(JSON.stringify(diagnostics[0]));
      const mesh = offlineMesh({ policies, settings });
      const { ir, resources } = resourcesOf(mesh, bareCaller(mesh, client));
      const keys = resources.map(({ typeUrl, name }) => `${typeUrl} ${name}`);
      expect(new Set(keys).size).toBe(keys.length);
      for (const { name } of resources) expect(name).toMatch(/^[A-Za-z0-9_~=-]+$/);
      const clusters = new Set(resources.filter(({ typeUrl }) => typeUrl.endsWith('.Cluster')).map(({ name }) => name));
      // As many as there are ports and subsets, besides that of unknown hosts; and what is read back is what was declared.
      const wanted = ir.view.services.flatMap(({ namespace: space, name, ports: each }) =>
        each.flatMap(({ destinations }) =>
          destinations.map(({ ref }) => JSON.stringify([space, name, ref.port, ref.subset ?? null])),
        ),
      );
      expect(ir.view.services.length).toBe(list.length);
      const read = [...clusters].flatMap((name) => {
        const found = destinationOfCluster(name);
        return found === undefined
          ? []
          : [JSON.stringify([found.namespace, found.service, found.port, found.subset ?? null])];
      });
      expect(read.sort()).toEqual(wanted.sort());
      expect(clusters.size).toBe(wanted.length + 1);
    }),
    { numRuns: 60 },
  );
}, 60_000);
