import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { PolicySet } from '../../src/model/policy.ts';
import { createCell } from '../../src/model/readable.ts';
import { withEntries } from '../../src/model/sorted-map.ts';
import type { Workload } from '../../src/model/workload.ts';
import { parsePolicies } from '../../src/policy/parse-policies.ts';
import { bindMembers, groupedMembers } from '../../src/registry/grouped-members.ts';
import type { HealthRecord } from '../../src/registry/join-health.ts';
import { compose, createRegistry } from '../../src/registry/registry.ts';
import { workload } from '../support/registry-values.ts';

/** A WorkloadGroup `shop/pay` that says this of the zone. */
function groupOf(zone: string): PolicySet {
  const spec = { template: { labels: { zone } } };
  const group = { apiVersion: 'networking.istio.io/v1', kind: 'WorkloadGroup', metadata: { name: 'pay' }, spec };
  const { policies } = parsePolicies([{ path: 'policies/shop/pay.yaml', text: JSON.stringify(group) }], {
    commit: zone,
    rootNamespace: 'istio-system',
    folders: 'namespace',
  });
  if (policies === undefined) throw new Error('refused');
  return policies;
}
const none: PolicySet = { commit: 'none', objects: [] };
const sets = [none, groupOf('a'), groupOf('b')];

type Changes = ReadonlyMap<string, Workload | undefined>;
const id = fc.integer({ min: 0, max: 6 }).map((index) => `w-${index}.shop`);
const changes: fc.Arbitrary<Changes> = fc
  .array(fc.tuple(id, fc.option(fc.record({ isGrouped: fc.boolean(), port: fc.integer({ min: 1, max: 3 }) }))), {
    maxLength: 4,
  })
  .map(
    (list) =>
      new Map(
        list.map(([of, said]) => {
          const made = workload(of.split('.')[0] ?? '', 'pay', 21_000 + (said?.port ?? 0));
          return [of, said ? { ...made, ...(said.isGrouped && { group: { name: 'pay' } }) } : undefined];
        }),
      ),
  );
const step = fc.oneof(
  fc.record({ kind: fc.constantFrom('joined' as const, 'files' as const), changes }),
  fc.record({ kind: fc.constant('policies' as const), to: fc.constantFrom(...sets) }),
);

test('after any history of joins, files and groups the registry is what a fresh look at its sources gives', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 15 }), (history) => {
      const joined = createCell<ReadonlyMap<string, Workload>>(new Map());
      const files = createCell<ReadonlyMap<string, Workload>>(new Map());
      const policies = createCell<PolicySet | undefined>(none);
      const health = createCell<ReadonlyMap<string, HealthRecord>>(new Map());
      const members = groupedMembers({ joined, policies, health });
      const sources = [
        { name: 'files', workloads: files },
        { name: 'proxies', workloads: members },
      ];
      const registry = createRegistry(sources);
      for (const one of history) {
        if (one.kind === 'policies') policies.set(one.to);
        else if (one.kind === 'joined') joined.set(withEntries(joined.get(), one.changes));
        else files.set(withEntries(files.get(), one.changes));
        const bound = bindMembers(joined.get(), policies.get(), health.get());
        expect([...members.get()]).toEqual([...bound]);
        const { workloads, sources: told } = registry.get();
        const fresh = compose(sources);
        expect([...workloads]).toEqual([...fresh.workloads]);
        expect(told).toEqual(fresh.sources);
      }
      registry.close();
      members.close();
    }),
    { numRuns: 300 },
  );
});
