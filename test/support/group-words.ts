import type { PolicySet } from '../../src/model/policy.ts';
import type { ReadinessProbe } from '../../src/model/workload-group.ts';
import { groupsOf } from '../../src/model/workload-groups.ts';
import { parsePolicies } from '../../src/policy/parse-policies.ts';
import { checkClaims, type JoinCredential } from '../../src/registry/join-claims.ts';
import { settings } from './registry-values.ts';

/** A namespace `shop` with these groups, by name. */
export function groups(specs: Readonly<Record<string, object>>): PolicySet {
  const text = Object.entries(specs)
    .map(([name, spec]) =>
      JSON.stringify({ apiVersion: 'networking.istio.io/v1', kind: 'WorkloadGroup', metadata: { name }, spec }),
    )
    .join('\n---\n');
  const { policies, diagnostics } = parsePolicies([{ path: 'policies/shop/groups.yaml', text }], {
    commit: 'c1',
    rootNamespace: 'istio-system',
    folders: 'namespace',
  });
  if (policies === undefined) throw new Error(JSON.stringify(diagnostics));
  return policies;
}

export function probeOf(probe: object): ReadinessProbe | undefined {
  const [group] = groups({ g: { template: {}, probe } }).objects;
  return group?.kind === 'WorkloadGroup' ? group.spec.probe : undefined;
}

export const reviews = {
  metadata: { labels: { version: 'v2' }, annotations: { owner: 'team-a' } },
  template: {
    labels: { app: 'reviews', version: 'v1', tier: 'back' },
    ports: { http: 9080, admin: 9081 },
    locality: 'eu/north',
    weight: 3,
  },
};
export const credential: JoinCredential = {
  tokenId: '9f2',
  namespace: 'shop',
  serviceAccount: 'reviews',
  service: 'reviews-vm',
  group: 'reviews-vm',
};
export const joinWith = (weft: object, policies = groups({ 'reviews-vm': reviews }), as: JoinCredential = credential) =>
  checkClaims(
    as,
    { id: 'reviews-1.shop', weft: { service: 'reviews-vm', namespace: 'shop', ...weft } },
    '10.0.0.7',
    settings,
    groupsOf(policies),
  );
export const probed = { ...reviews, probe: { tcpSocket: { port: 9080 } } };
