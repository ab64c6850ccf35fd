import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Labels, Policy } from '../../src/model/policy.ts';
import type { Workload } from '../../src/model/workload.ts';
import type { BuiltServices } from '../../src/registry/services.ts';
import { buildServices } from '../../src/registry/services.ts';
import { byId, policySet, service, serviceEntry, settings, workload } from '../support/registry-values.ts';

const name = fc.constantFrom('a', 'b', 'c');
const namespace = fc.constantFrom('shop', 'test');
const someWorkload = fc
  .record({
    index: fc.nat(5),
    name,
    namespace,
    track: fc.constantFrom('x', 'y'),
    draining: fc.boolean(),
    port: fc.nat(2),
  })
  .map(({ index, name: of, namespace: where, track, draining, port }) =>
    workload(`w-${index}`, of, 21_000 + index, {
      namespace: where,
      labels: { app: of, track },
      health: draining ? 'draining' : 'healthy',
      ports: [{ name: 'http', port: 80 + port, endpointPort: 21_000 + index, protocol: 'http' }],
    }),
  );
const somePolicy: fc.Arbitrary<Policy> = fc.oneof(
  fc
    .record({ name, namespace, selector: fc.constantFrom<Labels>({ app: 'a' }, { app: 'b' }, { track: 'x' }) })
    .map((it) => service(it.name, { selector: it.selector }, it.namespace)),
  fc
    .record({ name, namespace })
    .map((it) => serviceEntry(it.name, { resolution: 'STATIC', workloadSelector: { app: it.name } }, it.namespace)),
);
const worlds = fc.array(
  fc.record({
    policies: fc.option(fc.uniqueArray(somePolicy, { selector: (it) => `${it.kind}/${it.namespace}/${it.name}` })),
    workloads: fc.uniqueArray(someWorkload, { selector: (it) => it.id }),
  }),
  { minLength: 1, maxLength: 6 },
);

test('any history of changes ends in what a fresh start builds, and arrival order never matters (P51)', () => {
  fc.assert(
    fc.property(worlds, (history) => {
      let policies = policySet();
      let built: BuiltServices | undefined;
      let known: ReadonlyMap<string, Workload> = new Map();
      for (const world of history) {
        if (world.policies) policies = policySet(...world.policies);
        // Workloads that say the same stay the same object, as the sources keep them.
        known = byId(...world.workloads.map((item) => same(known.get(item.id), item)));
        built = buildServices(policies, known, settings, built);
        const fresh = buildServices(policies, byId(...[...known.values()].reverse()), settings);
        expect(built.services).toEqual(fresh.services);
        expect(new Map(built.endpoints)).toEqual(new Map(fresh.endpoints));
        expect([...built.endpoints.keys()].sort()).toEqual(built.services.map((item) => item.key));
      }
    }),
    { numRuns: 500 },
  );
});

function same(before: Workload | undefined, now: Workload): Workload {
  return before !== undefined && JSON.stringify(before) === JSON.stringify(now) ? before : now;
}
