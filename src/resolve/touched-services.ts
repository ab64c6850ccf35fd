import type { Mesh } from '../model/mesh.ts';
import type { PeerAuthenticationObject } from '../model/policy.ts';
import type { ServiceKey } from '../model/service.ts';
import { differingKeys } from '../model/sorted-map.ts';
import { remembered } from './keep.ts';
import { meshDefaults } from './mesh-defaults.ts';
import { indexPolicies } from './policy-index.ts';

const memory = new WeakMap<Mesh, WeakMap<Mesh, ReadonlySet<ServiceKey> | 'all'>>();

/**
 * The services whose endpoint sets may differ between two meshes: those with other endpoints; all where something differs that decides
 * about endpoints of every service. Remembered, for every view asks the same.
 */
export function touchedServices(before: Mesh, now: Mesh): ReadonlySet<ServiceKey> | 'all' {
  const since = remembered(memory, before, () => new WeakMap<Mesh, ReadonlySet<ServiceKey> | 'all'>());
  return remembered(since, now, () => compare(before, now));
}

function compare(before: Mesh, now: Mesh): ReadonlySet<ServiceKey> | 'all' {
  if (before.settings !== now.settings || before.services !== now.services || !samePeers(before, now)) return 'all';
  return differingKeys(before.endpoints, now.endpoints);
}

/** Whether the modes that endpoints are called in are decided by the same objects (P35). */
function samePeers(before: Mesh, now: Mesh): boolean {
  if (before.policies === now.policies) return true;
  if (meshDefaults(before).rootNamespace !== meshDefaults(now).rootNamespace) return false;
  const [old, recent] = [before, now].map(
    (mesh) => indexPolicies(mesh.policies, meshDefaults(mesh)).peerAuthentications,
  );
  return old !== undefined && recent !== undefined && sameLists(old, recent);
}

type Lists = ReadonlyMap<string, readonly PeerAuthenticationObject[]>;

function sameLists(before: Lists, now: Lists): boolean {
  if (before === now) return true;
  return before.size === now.size && [...now].every(([namespace, list]) => before.get(namespace) === list);
}
