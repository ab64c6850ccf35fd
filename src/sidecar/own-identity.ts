import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, X509Certificate } from 'node:crypto';
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { Millis } from '../model/policy.ts';
import type { Secret } from '../model/secret.ts';
import { ownChain, ownKey } from '../translate/secret.ts';

/** A proxy that made its own key: where that and its certificate lie. Nothing of them goes over the wire but the certificate. */
export interface OwnIdentity {
  /** A folder of this proxy alone (0700). */
  readonly identityFolder: string;
}

/** What a sidecar shows the control plane: a bearer token, or its certificate. */
export type SidecarCredential = Secret<string> | OwnIdentity;

/** What is known of the identity in a folder besides its certificate; times by the clock of this machine. */
export interface HeldIdentity {
  /** The token that it was joined with. */
  readonly tokenId: string;
  readonly nodeId: string;
  readonly renewAt: Millis;
  readonly endsAt: Millis;
}

export function isOwnIdentity(credential: SidecarCredential): credential is OwnIdentity {
  return 'identityFolder' in credential;
}

export interface OwnKeys {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

/** A new key (EC P-256), for a certificate to come. */
export function newKeys(): OwnKeys {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' });
}

const link = 'current';
const about = 'join.json';
const asking = 'asking.pem';

/**
 * The key for which a certificate is asked with a token. A folder keeps it until it holds a certificate: who lost the answer asks again with
 * the same one, also after another start, and spends no further use. Throws as the file system does.
 */
export function askingKeys(folder: string): OwnKeys {
  const path = join(folder, asking);
  try {
    const privateKey = createPrivateKey(readFileSync(path, 'utf8'));
    return { privateKey, publicKey: createPublicKey(privateKey) };
  } catch {
    // There is none, or half of one.
  }
  const keys = newKeys();
  writeFileSync(path, pemOf(keys.privateKey), { mode: 0o600 });
  return keys;
}

/** The identity that a folder holds; undefined where there is none that is whole. */
export function heldIdentity(folder: string): HeldIdentity | undefined {
  try {
    const held: unknown = JSON.parse(readFileSync(join(folder, link, about), 'utf8'));
    const { cert, key } = keyPair(folder);
    const belongs = new X509Certificate(cert).publicKey.equals(createPublicKey(createPrivateKey(key)));
    return isHeld(held) && belongs ? held : undefined;
  } catch {
    // A half-written one is as good as none: another is asked for.
    return undefined;
  }
}

/** Whether a folder holds no identity that is good now: one that has ended is not renewed, its proxy joins again. */
export function hasEnded(folder: string): boolean {
  return (heldIdentity(folder)?.endsAt ?? 0) <= Date.now();
}

/** Its certificate chain and key, PEM, as a TLS client takes them. Throws where there are none. */
export function keyPair(folder: string): { readonly cert: string; readonly key: string } {
  return { cert: readFileSync(join(folder, ownChain), 'utf8'), key: readFileSync(join(folder, ownKey), 'utf8') };
}

/** Another text for each certificate that the folder has held; empty where it holds none. */
export function identityVersion(folder: string): string {
  try {
    return readlinkSync(join(folder, link));
  } catch {
    return '';
  }
}

/**
 * Puts a certificate and its key in place: both are there at once, as one link is turned to them, so that whoever watches the folder
 * never reads one without the other. Throws as the file system does.
 */
export function holdIdentity(
  folder: string,
  identity: { readonly certificateChain: string; readonly privateKey: KeyObject; readonly held: HeldIdentity },
): void {
  const { certificateChain, privateKey, held } = identity;
  const version = new X509Certificate(certificateChain).serialNumber.toLowerCase();
  const before = identityVersion(folder);
  const place = join(folder, version);
  rmSync(place, { recursive: true, force: true });
  mkdirSync(place, { mode: 0o700 });
  const write = (name: string, text: string) => writeFileSync(join(place, name), text, { mode: 0o600, flag: 'wx' });
  write('key.pem', pemOf(privateKey));
  write('chain.pem', certificateChain);
  write(about, `${JSON.stringify(held)}\n`);
  rmSync(join(folder, `${link}.new`), { force: true });
  symlinkSync(version, join(folder, `${link}.new`));
  renameSync(join(folder, `${link}.new`), join(folder, link));
  rmSync(join(folder, asking), { force: true });
  // Who read the link a moment ago still finds what it led to.
  for (const { name } of readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory()))
    if (name !== version && name !== before) rmSync(join(folder, name), { recursive: true, force: true });
}

function pemOf(privateKey: KeyObject): string {
  return privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
}

function isHeld(value: unknown): value is HeldIdentity {
  if (typeof value !== 'object' || value === null) return false;
  const { tokenId, nodeId, renewAt, endsAt }: Partial<Record<keyof HeldIdentity, unknown>> = value;
  return (
    typeof tokenId === 'string' &&
    typeof nodeId === 'string' &&
    typeof renewAt === 'number' &&
    typeof endsAt === 'number'
  );
}
