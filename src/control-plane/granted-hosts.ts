import type { TokenStore } from '../ca/token-store.ts';
import type { MeshSettings } from '../model/mesh.ts';
import { serviceHost } from '../registry/service-definitions.ts';

/** The hosts of the services that some good credential lets a workload join as. */
export function grantedHosts(
  tokens: Pick<TokenStore, 'list' | 'standing'>,
  settings: MeshSettings,
): ReadonlySet<string> {
  return new Set(
    tokens.list().flatMap(({ id, grant }) => {
      if (grant.role !== 'workload' || tokens.standing(id) !== undefined) return [];
      return grant.services.map((service) => serviceHost(service, grant.namespace, settings));
    }),
  );
}
