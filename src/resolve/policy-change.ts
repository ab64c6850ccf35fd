import type { MeshSettings } from '../model/mesh.ts';
import type { Policy, PolicySet } from '../model/policy.ts';
import { hostCovers, resolveHost } from '../policy/hosts.ts';
import { remembered } from './keep.ts';

/** What differs between two sets of policies: an object that changed is gone and new. */
export interface PolicyChange {
  readonly gone: readonly Policy[];
  readonly added: readonly Policy[];
}

const memory = new WeakMap<PolicySet, WeakMap<PolicySet, PolicyChange>>();

/** Objects by identity; remembered, as every scope asks the same. */
export function policyChange(before: PolicySet, now: PolicySet): PolicyChange {
  const since = remembered(memory, before, () => new WeakMap<PolicySet, PolicyChange>());
  return remembered(since, now, () => {
    const [old, present] = [new Set(before.objects), new Set(now.objects)];
    return {
      gone: before.objects.filter((object) => !present.has(object)),
      added: now.objects.filter((object) => !old.has(object)),
    };
  });
}

/**
 * Whether the way in which clients call a host may differ, as far as policies decide it; the services, their facts and what holds for the
 * whole mesh being the same. Undefined where something changed of a kind whose part is not known: then that of any host may.
 */
export function touchedHosts(
  before: PolicySet,
  now: PolicySet,
  settings: MeshSettings,
): ((host: string) => boolean) | undefined {
  const { gone, added } = policyChange(before, now);
  const hosts = new Set<string>();
  for (const object of [...gone, ...added]) {
    switch (object.kind) {
      case 'VirtualService':
        for (const host of object.spec.hosts) hosts.add(resolveHost(host, object.namespace, settings.dnsSuffix));
        break;
      // Of callers they say nothing; of services, what these say themselves.
      case 'AuthorizationPolicy':
      case 'Service':
      case 'ServiceEntry':
      case 'WorkloadEntry':
      case 'WorkloadGroup':
        break;
      default:
        return undefined;
    }
  }
  const patterns = [...hosts];
  return (host) => patterns.some((pattern) => hostCovers(pattern, host));
}
