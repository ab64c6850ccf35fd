import fc from 'fast-check';
import { expect, test } from 'vitest';
import { offlineMesh } from '../../src/control-plane/offline-mesh.ts';
import { bareCaller } from '../../src/control-plane/offline-proxy.ts';
import { resourcesOf } from '../../src/control-plane/proxy-resources.ts';
import type { Destination } from '../../src/model/ir-destination.ts';
import { parsePolicies } from '../../src/policy/parse-policies.ts';

const settings = { trustDomain: 'demo.mesh', dnsSuffix: 'cluster.local', rootNamespace: 'istio-system' };
const service = JSON.stringify({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'reviews', namespace: 'shop' },
  spec: { selector: { app: 'reviews' }, ports: [{ name: 'http', port: 9080 }] },
});

interface Part {
  readonly subsets: readonly string[];
  readonly top: boolean;
}

const names = ['v1', 'v2', 'v3', 'v4', 'v5'];
/** The subsets of one rule in parts, of which one at most has the top-level policy. */
const parts: fc.Arbitrary<readonly Part[]> = fc
  .tuple(fc.array(fc.nat(3), { minLength: names.length, maxLength: names.length }), fc.integer({ min: -1, max: 3 }))
  .map(([places, top]) =>
    [0, 1, 2, 3].map((part) => ({ subsets: names.filter((_, index) => places[index] === part), top: part === top })),
  )
  .map((all) => all.filter(({ subsets, top }) => subsets.length > 0 || top));

function rule({ subsets, top }: Part, name: string): string {
  const pool = (maxConnections: number) => ({ connectionPool: { tcp: { maxConnections } } });
  return JSON.stringify({
    apiVersion: 'networking.istio.io/v1',
    kind: 'DestinationRule',
    metadata: { name, namespace: 'shop' },
    spec: {
      host: 'reviews',
      subsets: subsets.map((subset) => ({
        name: subset,
        labels: { version: subset },
        ...(subset === 'v3' ? { trafficPolicy: pool(3) } : {}),
      })),
      ...(top ? { trafficPolicy: pool(9) } : {}),
    },
  });
}

function made(rules: readonly string[]) {
  const { policies } = parsePolicies([{ path: 'a.yaml', text: [service, ...rules].join('\n---\n') }], {
    commit: '4f1c2ab',
    rootNamespace: settings.rootNamespace,
    folders: 'free',
  });
  if (policies === undefined) throw new Error('refused');
  const mesh = offlineMesh({ policies, settings });
  const { ir, resources } = resourcesOf(mesh, bareCaller(mesh, 'shop'));
  const bytes = resources.map(({ typeUrl, name, version }) => `${typeUrl} ${name} ${version}`);
  return { bytes, destinations: ir.view.services[0]?.ports[0]?.destinations ?? [] };
}

const said = (all: readonly Destination[]) =>
  all.map(({ ref, pool, labels }) => [ref.subset, pool.maxConnections.value, labels]);

test('P22 parts of a rule merge to what the whole says, and in any order to the same bytes', () => {
  fc.assert(
    fc.property(
      parts
        .filter((all) => all.length > 0)
        .chain((all) => fc.tuple(fc.constant(all), fc.shuffledSubarray([...all.keys()], { minLength: all.length }))),
      ([all, order]) => {
        const texts = all.map((part, index) => rule(part, `p${index}`));
        const merged = made(texts);
        const whole = made([rule({ subsets: names, top: all.some(({ top }) => top) }, 'whole')]);
        expect(said(merged.destinations)).toEqual(said(whole.destinations));
        expect(made(order.map((index) => texts[index] ?? '')).bytes).toEqual(merged.bytes);
      },
    ),
    { numRuns: 40 },
  );
}, 60_000);
