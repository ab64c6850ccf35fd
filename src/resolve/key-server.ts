import type { DestinationRef } from '../model/ir-destination.ts';
import type { KeyServer } from '../model/ir-inbound.ts';
import type { Mesh } from '../model/mesh.ts';
import type { SidecarObject } from '../model/policy.ts';
import { type Service, serviceKeyOf } from '../model/service.ts';
import { resolveHost } from '../policy/hosts.ts';
import { refTo } from './destination.ts';
import { chooseDestinationRule, effectiveBlocks } from './destination-rule.ts';
import { importedServices } from './imports.ts';
import type { MeshDefaults } from './mesh-defaults.ts';
import type { Selected } from './mutual-tls.ts';
import type { PolicyIndex } from './policy-index.ts';
import { findService, indexServices } from './service-index.ts';

/** Everything but the URL that decides whom a workload asks. */
export interface KeyServerContext {
  readonly mesh: Mesh;
  readonly index: PolicyIndex;
  readonly settings: MeshDefaults;
  readonly workload: Selected;
  /** The one that acts for the workload. */
  readonly sidecar: SidecarObject | undefined;
}

/**
 * Whom a workload asks for the keys at a URL that an object of `namespace` names (T23): `http` leads to a service alone, and as the workload
 * calls it, so by mesh TLS where that is spoken; `https` to a service for which a DestinationRule speaks TLS, else to the host itself, which
 * must prove to be it. Undefined: to nobody. A service that nobody has, or whose port nobody has, keeps its name and is missing.
 */
export function keyServer(context: KeyServerContext, uri: string, namespace: string): KeyServer | undefined {
  const { mesh, settings, workload, sidecar } = context;
  const { protocol, hostname, port: written } = new URL(uri);
  const isSecure = protocol === 'https:';
  const port = written === '' ? (isSecure ? 443 : 80) : Number(written);
  const host = resolveHost(hostname, namespace, settings.dnsSuffix);
  const { services } = sidecar?.spec.egress
    ? importedServices(mesh.services, settings, workload.namespace, sidecar)
    : mesh;
  const service = findService(indexServices(services), host, workload.namespace, namespace);
  if (service !== undefined && (!isSecure || speaksTls(context, service, port)))
    return { kind: 'service', ref: refAt(service, port) };
  if (!isSecure) return byName(host, port, settings.dnsSuffix);
  const { connectTimeout, dnsRefreshRate, tlsParameters } = settings;
  return {
    kind: 'outside',
    host: hostname,
    port,
    connectTimeout: connectTimeout.value,
    ...(dnsRefreshRate && { dnsRefreshRate: dnsRefreshRate.value }),
    ...(tlsParameters && { parameters: tlsParameters.value }),
  };
}

function refAt(service: Service, port: number): DestinationRef {
  const ref = refTo(service, port);
  return service.ports.some(({ number }) => number === port) ? ref : { ...ref, missing: true };
}

/** P48: whether the workload's proxy speaks TLS to the service for its application. */
function speaksTls({ index, settings, workload }: KeyServerContext, service: Service, port: number): boolean {
  const rule = chooseDestinationRule(index, settings, service, workload);
  const mode = effectiveBlocks(rule, undefined, port, settings.trafficPolicy).tls?.value.mode;
  return mode === 'SIMPLE' || mode === 'MUTUAL';
}

/** A service that whoever joins under its name makes; nobody has. */
function byName(host: string, port: number, dnsSuffix: string): KeyServer | undefined {
  const end = `.svc.${dnsSuffix}`;
  const [name, namespace, ...more] = host.endsWith(end) ? host.slice(0, -end.length).split('.') : [];
  if (name === undefined || namespace === undefined || more.length > 0) return undefined;
  return {
    kind: 'service',
    ref: { service: serviceKeyOf(namespace, host), namespace, name, host, port, missing: true },
  };
}
