import type { Decided } from '../model/provenance.ts';
import type { Service } from '../model/service.ts';
import { plainHost, resolveHost } from '../policy/hosts.ts';
import type { MeshDefaults } from './mesh-defaults.ts';

/**
 * What sidecars speak to a port at which an authorizer over gRPC is asked: HTTP/2, for a question of their own has no caller whose version
 * they could speak.
 */
export function authorizerVersion(
  settings: MeshDefaults,
  service: Service,
  port: number,
): Decided<'http2'> | undefined {
  const found = settings.authorizers.find(({ value: { http, port: asked, service: written } }) => {
    const { host, namespace = service.namespace } = authorizerService(written, settings);
    return http === undefined && asked === port && host === plainHost(service.host) && namespace === service.namespace;
  });
  return found && { value: 'http2', by: found.by };
}

/** The service that a provider names as `[namespace/]host`. */
export function authorizerService(
  written: string,
  { rootNamespace, dnsSuffix }: MeshDefaults,
): { readonly host: string; readonly namespace?: string } {
  const [host = '', namespace] = written.split('/').reverse();
  const full = resolveHost(host, namespace ?? rootNamespace, dnsSuffix);
  return { host: full, ...(namespace !== undefined && { namespace }) };
}
