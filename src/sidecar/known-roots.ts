import { X509Certificate } from 'node:crypto';
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
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

const rememberedFile = 'roots.pem';

/** Keeps the roots in the private folder of a proxy, from one run to the next: its token pins one that may have gone meanwhile. */
export function rememberRoots(folder: string, rootPem: string): void {
  const file = join(folder, rememberedFile);
  rmSync(`${file}.new`, { force: true });
  writeFileSync(`${file}.new`, rootPem, { mode: 0o600, flag: 'wx' });
  renameSync(`${file}.new`, file);
}

/** The roots that the control plane told an earlier run; undefined: none. */
export function rememberedRoots(folder: string): string | undefined {
  try {
    return readFileSync(join(folder, rememberedFile), 'latin1');
  } catch {
    // Nothing is lost by that: the token still pins the root that it was made under.
    return undefined;
  }
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
