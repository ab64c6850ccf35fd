import { X509Certificate } from 'node:crypto';
import { toEnvoyJson } from '../proto/canonical-json.ts';
import { rootsSecretOf } from '../translate/secret.ts';
import type { ControlPlaneAddress } from './bootstrap.ts';

/** The file from which Envoy takes, as a response of SDS, the roots by which it knows the control plane. */
export const knownRootsFile = 'control-plane-roots.json';
export const knownRootsName = 'control-plane-roots';

/** What stands in that file. `rootPem` may hold several. */
export function knownRootsText(rootPem: string): string {
  const type = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret';
  const secret = toEnvoyJson(rootsSecretOf(knownRootsName, rootPem));
  return `${JSON.stringify({ resources: [{ '@type': type, ...(secret as object) }] })}\n`;
}

/** SHA-256 of the DER of each root in a PEM text, lower-case hex. */
export function fingerprintsOf(rootPem: string): readonly string[] {
  const blocks = rootPem.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
  return blocks.map((block) => new X509Certificate(block).fingerprint256.replaceAll(':', '').toLowerCase());
}

/** Where the control plane is, and by which roots it is known at this moment: whoever connects reads them anew. */
export interface KnownControlPlane {
  readonly address: ControlPlaneAddress;
  /** Takes the place of the roots of before; false: nothing is new. */
  take(rootPem: string): boolean;
}

export function createKnownControlPlane(at: ControlPlaneAddress): KnownControlPlane {
  let known = at.rootPem;
  return {
    address: {
      host: at.host,
      port: at.port,
      serverName: at.serverName,
      get rootPem() {
        return known;
      },
    },
    take(rootPem) {
      if (rootPem === '' || rootPem === known) return false;
      known = rootPem;
      return true;
    },
  };
}
