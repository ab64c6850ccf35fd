import type { ClientTls } from '../model/client-tls.ts';
import { compareText } from '../model/compare-text.ts';
import type { KeysRef, RootsRef, TlsOrigination } from '../model/ir-destination.ts';
import { isHttp, type Service, type ServicePort } from '../model/service.ts';
import { isWildcardHost, plainHost } from '../policy/hosts.ts';
import type { MeshDefaults } from './mesh-defaults.ts';

/**
 * P48: the server proves that it is whom the call means, towards the roots of the system unless others are named. It is asked for by
 * `sni`, else by the service's host; it may be whom `subjectAltNames` or the ServiceEntry name, else that same name. Where only requests
 * know the host (`*.x`) each says it; a plain connection knows none, so there nobody is accepted.
 */
export function tlsOrigination(
  settings: MeshDefaults,
  service: Service,
  port: ServicePort,
  tls: ClientTls,
): TlsOrigination {
  const host = plainHost(service.host);
  const serverName = tls.sni ?? (isWildcardHost(host) ? undefined : host);
  const client = keysOf(tls);
  const names = acceptedNames(service, port, tls);
  const parameters = settings.tlsParameters?.value;
  return {
    kind: 'tls',
    ...(serverName === undefined ? {} : { serverName }),
    ...(tls.insecureSkipVerify ? {} : { server: { roots: rootsOf(tls), names } }),
    ...(client && { client }),
    ...(parameters && { parameters }),
  };
}

function acceptedNames(service: Service, port: ServicePort, tls: ClientTls): readonly string[] | 'request' {
  const written = tls.subjectAltNames.length > 0 ? tls.subjectAltNames : service.subjectAltNames;
  if (written.length > 0) return [...new Set(written)].sort(compareText);
  if (tls.sni !== undefined) return [tls.sni];
  const host = plainHost(service.host);
  if (!isWildcardHost(host)) return namesOf(service, host);
  return isHttp(port.protocol) ? 'request' : [];
}

/** A Service's certificate may say any of its names (P4). */
function namesOf(service: Service, host: string): readonly string[] {
  if (service.origin === 'entry') return [host];
  const base = `${service.name}.${service.namespace}`;
  return [host, `${base}.svc`, base, service.name];
}

function keysOf(tls: ClientTls): KeysRef | undefined {
  if (tls.mode !== 'MUTUAL') return undefined;
  const { credentialName, clientCertificate = '', privateKey = '' } = tls;
  if (credentialName !== undefined) return { kind: 'named', name: credentialName };
  return { kind: 'files', certificate: clientCertificate, key: privateKey };
}

function rootsOf({ credentialName, caCertificates, caCrl }: ClientTls): 'system' | RootsRef {
  if (credentialName !== undefined) return { kind: 'named', name: credentialName };
  if (caCertificates === undefined) return 'system';
  return { kind: 'files', roots: caCertificates, ...(caCrl === undefined ? {} : { crl: caCrl }) };
}
