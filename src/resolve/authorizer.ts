import type { Authorizer } from '../model/authorizer.ts';
import type { Mesh } from '../model/mesh.ts';
import type { AuthorizationPolicyObject, SidecarObject } from '../model/policy.ts';
import { authorizerService } from './authorizer-service.ts';
import { refTo } from './destination.ts';
import { importedServices } from './imports.ts';
import type { MeshDefaults } from './mesh-defaults.ts';
import type { Selected } from './mutual-tls.ts';
import { findService, indexServices } from './service-index.ts';

/**
 * Whom a workload asks because of its CUSTOM policies. Undefined where nobody can be asked: there are several providers (WEFT0160), nobody
 * knows the one there is, or its service is not there or not imported. Then what would have been asked about is refused.
 */
export function authorizerOf(
  mesh: Mesh,
  settings: MeshDefaults,
  policies: readonly AuthorizationPolicyObject[],
  workload: Selected,
  sidecar: SidecarObject | undefined,
): Authorizer | undefined {
  const names = new Set(policies.flatMap(({ spec }) => (spec.action === 'CUSTOM' ? [spec.provider] : [])));
  const found = names.size === 1 ? settings.authorizers.find(({ value }) => names.has(value.name)) : undefined;
  if (found === undefined) return undefined;
  const { service: written, port, ...spec } = found.value;
  const { host, namespace } = authorizerService(written, settings);
  const { services } = sidecar?.spec.egress
    ? importedServices(mesh.services, settings, workload.namespace, sidecar)
    : mesh;
  const service = findService(indexServices(services), host, workload.namespace, namespace ?? settings.rootNamespace);
  if (service === undefined || !service.ports.some(({ number }) => number === port)) return undefined;
  if (namespace !== undefined && service.namespace !== namespace) return undefined;
  return { ...spec, ref: refTo(service, port) };
}
