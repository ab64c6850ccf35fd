import type { DestinationRef, KeysRef, RootsRef } from '../model/ir-destination.ts';
import type { EgressAddress } from '../model/ir-egress.ts';

/*
 * The one owner of Envoy names (P25, section 4.2 of experience.md). A resource's name is also its name in statistics, so names hold
 * no dots, colons or addresses. `_` separates the parts and stands in none of them; equal types never share a name.
 *
 *   out_<namespace>_<service>_<port>[_<subset>]   cluster, endpoints; without subset also listener and route configuration
 *   out_proxy                                     listener and route configuration behind HTTP_PROXY
 *   out_proxy/<of a port>, out_proxy/out_unknown  virtual host behind HTTP_PROXY
 *   out_unknown                                   cluster for hosts that the registry does not know
 *   egress_<port>, egress_socket_<path>           listener and route configuration that a Sidecar asks for
 *   check_<namespace>_<name>                      health check of a cluster
 *   probe                                         cluster of what a proxy without `weft run` tests of its application
 *   in_<port>                                     listener, cluster and route configuration before an application's port
 *   authorizer                                    filter (ECDS): who is asked about inbound requests
 *   tokens                                        filter (ECDS): what is made of the tokens of inbound requests
 *   jwks_<host>_<port>                            cluster: a server outside of the mesh that has the keys of an issuer
 *   keys_<name>, roots_<name>                     secret: a named one of the proxy's namespace
 *   system_roots                                  secret: the roots of the system that the proxy runs on
 *   keyfile_<path>_<path>, rootfile_<path>_<path> secret: files beside the proxy; a certificate and its key, roots and revocations
 *
 * <service> is the short name of a `v1/Service`, else the whole host: `api.example.com` is `api~example~com`.
 */

/** Listener and route configuration behind HTTP_PROXY. */
export const proxyName = 'out_proxy';

/** The cluster of hosts that the registry does not know (D18). */
export const unknownHostsName = 'out_unknown';

/** The filter of inbound requests that asks an authorizer. */
export const authorizerName = 'authorizer';

/** The filter of inbound requests that verifies tokens. */
export const tokensName = 'tokens';

/** The cluster of a server outside of the mesh that has the keys of an issuer of tokens. */
export function keyServerName(host: string, port: number): string {
  return `jwks_${escapePart(host)}_${port}`;
}

/** There is no such cluster. */
export const noKeysName = 'jwks_nobody';

/** The SDS secret with a proxy's own certificate and key. */
export const identitySecretName = 'identity';

/** The SDS secret with the roots of the trust domain. */
export const bundleSecretName = 'bundle';

/** The SDS secret that a client proves itself with. Of a named one each proxy is given its own namespace's. */
export function keysSecretName(ref: KeysRef): string {
  if (ref.kind === 'named') return `keys_${escapePart(ref.name)}`;
  return `keyfile_${escapePart(ref.certificate)}_${escapePart(ref.key)}`;
}

/** The SDS secret with the roots of a server. */
export function rootsSecretName(ref: 'system' | RootsRef): string {
  if (ref === 'system') return systemRootsName;
  if (ref.kind === 'named') return `roots_${escapePart(ref.name)}`;
  return `rootfile_${escapePart(ref.roots)}_${escapePart(ref.crl ?? '')}`;
}

/** The SDS secret with the roots of the system that a proxy runs on. */
export const systemRootsName = 'system_roots';

/** What a cluster name says; `service` is the short name or the host, `text` is for people: `reviews.shop:9080 v1`. */
export interface NamedDestination {
  readonly namespace: string;
  readonly service: string;
  readonly port: number;
  readonly subset?: string;
  readonly text: string;
}

/** The cluster, and the endpoints, of a destination. */
export function clusterName(ref: DestinationRef): string {
  const parts = ['out', escapePart(ref.namespace), servicePart(ref), String(ref.port)];
  if (ref.subset !== undefined) parts.push(escapePart(ref.subset));
  return parts.join('_');
}

/** Listener, route configuration and virtual host of a service port: they know no subset. */
export function servicePortName(ref: Omit<DestinationRef, 'subset'>): string {
  const { service, namespace, name, host, port } = ref;
  return clusterName({ service, namespace, name, host, port });
}

/** A virtual host behind HTTP_PROXY, of a service port or `out_unknown`: Envoy takes the removal of one that is called as its resource. */
export function proxyHostName(name: string): string {
  return `${proxyName}/${name}`;
}

/** The cluster that no request goes to: its health checks are the probe of a WorkloadGroup. */
export const probeName = 'probe';

/** Listener, cluster and route configuration before an application's port. */
export function inboundName(port: number): string {
  return `in_${port}`;
}

/** Listener and route configuration that a Sidecar asks for: it has no two at one port, or at one socket. */
export function egressName(at: EgressAddress): string {
  return at.kind === 'port' ? `egress_${at.port}` : `egress_socket_${escapePart(at.path)}`;
}

/** One of the health checks of a cluster. */
export function healthCheckName({ namespace, name }: { readonly namespace: string; readonly name: string }): string {
  return `check_${escapePart(namespace)}_${escapePart(name)}`;
}

/** The reverse of clusterName, for telemetry and NACK reports; undefined for a name that it did not make. */
export function destinationOfCluster(cluster: string): NamedDestination | undefined {
  const [prefix, namespacePart, service, portText, subsetPart, ...rest] = cluster.split('_');
  if (prefix !== 'out' || namespacePart === undefined || service === undefined || rest.length > 0) return undefined;
  if (portText === undefined || !/^\d+$/.test(portText)) return undefined;
  const namespace = unescapePart(namespacePart);
  const isHost = service.startsWith(soleLabel) || service.includes('~');
  const plain = unescapePart(service);
  const port = Number(portText);
  const subset = subsetPart === undefined ? {} : { subset: unescapePart(subsetPart) };
  const text = `${isHost ? plain : `${plain}.${namespace}`}:${port}`;
  return { namespace, service: plain, port, ...subset, text: 'subset' in subset ? `${text} ${subset.subset}` : text };
}

/** Stands before a host of one label, which else would look like the short name of a Service. */
const soleLabel = '==';

function servicePart({ namespace, name, host }: Omit<DestinationRef, 'subset'>): string {
  if (name !== host && host.startsWith(`${name}.${namespace}.`)) return escapePart(name);
  return host.includes('.') ? escapePart(host) : `${soleLabel}${escapePart(host)}`;
}

/** Letters, digits and `-` stay, a dot becomes `~`, anything else its code point in hexadecimal: `*` is `=2a=`. */
function escapePart(text: string): string {
  return [...text]
    .map((character) => {
      if (/^[A-Za-z0-9-]$/.test(character)) return character;
      return character === '.' ? '~' : `=${(character.codePointAt(0) ?? 0).toString(16)}=`;
    })
    .join('');
}

function unescapePart(part: string): string {
  return part
    .replaceAll('~', '.')
    .replace(/=([0-9a-f]*)=/g, (_, hex: string) => (hex === '' ? '' : String.fromCodePoint(Number.parseInt(hex, 16))));
}
