import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { isLabel } from '../model/identity.ts';
import { createCell, type Readable } from '../model/readable.ts';
import { Secret } from '../model/secret.ts';
import type { Clock } from '../model/state-store.ts';
import type { SecretNames } from '../policy/references/reference-scope.ts';

/**
 * What a folder `<namespace>/<name>` below `secrets.directory` holds, as PEM: `tls.crt` with `tls.key`, `ca.crt` with perhaps `ca.crl`. Keys
 * are the owner's alone (0600). As in Istio, the roots of `x` may stand in a secret `x-cacert` of their own.
 */
export interface NamedSecret {
  readonly namespace: string;
  readonly name: string;
  readonly keys?: { readonly certificateChain: string; readonly privateKey: Secret<string>; readonly notAfter: number };
  readonly roots?: { readonly certificates: string; readonly crl?: string };
}

/** By namespace, sorted by name; a secret or a list that did not change is the same object as before. */
export type NamedSecretSet = ReadonlyMap<string, readonly NamedSecret[]>;

export interface NamedSecrets extends Readable<NamedSecretSet> {
  stop(): void;
}

/** A file that cannot be used: `problem` says why, and nothing of what is in it. */
export interface SecretProblem {
  readonly file: string;
  readonly problem: string;
}

const files = ['tls.crt', 'tls.key', 'ca.crt', 'ca.crl'] as const;
type File = (typeof files)[number];
/** No certificate chain comes near; more is a mistake, and would be read at each change. */
const longestFile = 1_048_576;

/** Follows the folder; a problem is told once, until the file changes. A secret that becomes bad stays as it was: proxies go on (E13). */
export function startNamedSecrets(options: {
  /** Absent: there are none. */
  readonly directory: string | undefined;
  readonly clock: Clock;
  readonly poll: number;
  readonly onProblem: (problem: SecretProblem) => void;
}): NamedSecrets {
  const { directory, clock, poll, onProblem } = options;
  if (directory === undefined) return { get: () => noSecrets, watch: () => () => undefined, stop: () => undefined };
  const reader = createSecretReader(directory, () => clock.now());
  const told = new Set<string>();
  const read = (): NamedSecretSet => {
    const { secrets, problems } = reader();
    for (const { file, problem } of problems) {
      const text = `${file}: ${problem}`;
      if (!told.has(text)) onProblem({ file, problem });
    }
    told.clear();
    for (const { file, problem } of problems) told.add(`${file}: ${problem}`);
    return secrets;
  };
  const cell = createCell(read());
  let cancel: () => void = () => undefined;
  const again = () => {
    cancel = clock.after(poll, () => {
      const now = read();
      if (now !== cell.get()) cell.set(now);
      again();
    });
  };
  again();
  return { get: cell.get, watch: cell.watch, stop: () => cancel() };
}

const namesOf = new WeakMap<NamedSecretSet, SecretNames>();

/** What checks of policies know of the secrets: names, not contents. The same object for the same secrets. */
export function secretNames(secrets: NamedSecretSet): SecretNames {
  const known = namesOf.get(secrets);
  if (known) return known;
  const names = new Map(
    [...secrets.values()]
      .flat()
      .map((secret) => [
        `${secret.namespace}/${secret.name}`,
        { keys: secret.keys !== undefined, roots: secret.roots !== undefined },
      ]),
  );
  namesOf.set(secrets, names);
  return names;
}

const noSecrets: NamedSecretSet = new Map();

interface Known {
  readonly signature: string;
  readonly secret: NamedSecret | undefined;
  readonly problems: readonly SecretProblem[];
}

/** Reads the folder; each call reads again what changed, and gives what did not as the same objects. */
export function createSecretReader(
  directory: string,
  now: () => number,
): () => { readonly secrets: NamedSecretSet; readonly problems: readonly SecretProblem[] } {
  let known = new Map<string, Known>();
  let last: NamedSecretSet = new Map();
  return () => {
    const next = new Map<string, Known>();
    const lists = new Map<string, NamedSecret[]>();
    for (const namespace of foldersOf(directory)) {
      if (!isLabel(namespace)) continue;
      for (const name of foldersOf(join(directory, namespace))) {
        const folder = join(directory, namespace, name);
        const signature = signatureOf(folder);
        const before = known.get(folder);
        const made =
          before?.signature === signature ? before : readSecret(namespace, name, folder, signature, before, now());
        next.set(folder, made);
        if (made.secret === undefined) continue;
        const list = lists.get(namespace) ?? [];
        list.push(made.secret);
        lists.set(namespace, list);
      }
    }
    known = next;
    last = keep(last, new Map([...lists].map(([namespace, list]) => [namespace, withRoots(list)])));
    const ended = [...last.values()].flat().flatMap(({ namespace, name, keys }) => {
      if (keys === undefined || keys.notAfter > now()) return [];
      return [{ file: join(directory, namespace, name, 'tls.crt'), problem: 'the certificate has expired' }];
    });
    return { secrets: last, problems: [...[...next.values()].flatMap(({ problems }) => problems), ...ended] };
  };
}

function foldersOf(directory: string): readonly string[] {
  try {
    return readdirSync(directory)
      .filter((name) => !name.startsWith('.') && statOf(join(directory, name))?.isDirectory())
      .sort();
  } catch {
    return [];
  }
}

/** Undefined for what is not there, or may not be looked at. */
function statOf(path: string) {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}

/** Changes whenever a file does; links are followed, so that a folder may be turned to new files at once. */
function signatureOf(folder: string): string {
  return files
    .map((file) => {
      const stat = statOf(join(folder, file));
      return stat ? `${stat.ino}:${stat.size}:${stat.mtimeMs}:${stat.mode}` : '-';
    })
    .join(' ');
}

/** What cannot be used is as it was before the change. */
function readSecret(
  namespace: string,
  name: string,
  folder: string,
  signature: string,
  before: Known | undefined,
  now: number,
): Known {
  const problems: SecretProblem[] = [];
  const attempt = <T>(file: File, kept: T | undefined, make: () => T | undefined): T | undefined => {
    try {
      return make();
    } catch (error) {
      problems.push({
        file: join(folder, file),
        problem: error instanceof Unusable ? error.message : 'is not readable',
      });
      return kept;
    }
  };
  const keys = attempt('tls.crt', before?.secret?.keys, () => readKeys(folder, now));
  const roots = attempt('ca.crt', before?.secret?.roots, () => readRoots(folder));
  const empty = keys === undefined && roots === undefined;
  const secret = empty ? undefined : { namespace, name, ...(keys && { keys }), ...(roots && { roots }) };
  return { signature, secret, problems };
}

class Unusable extends Error {}

function readKeys(folder: string, now: number): NamedSecret['keys'] {
  const [certificateChain, privateKey] = [textOf(folder, 'tls.crt'), textOf(folder, 'tls.key')];
  if (certificateChain === undefined && privateKey === undefined) return undefined;
  if (certificateChain === undefined) throw new Unusable('is missing beside tls.key');
  if (privateKey === undefined) throw new Unusable('has no tls.key beside it');
  if ((statSync(join(folder, 'tls.key')).mode & 0o077) !== 0) {
    throw new Unusable('is not used: tls.key can be read by others (chmod 600)');
  }
  const [leaf] = certificatesOf(certificateChain);
  if (leaf === undefined) throw new Unusable('holds no certificate (PEM)');
  if (!belongs(leaf, privateKey)) throw new Unusable('does not belong to tls.key');
  const notAfter = Date.parse(leaf.validTo);
  if (notAfter <= now) throw new Unusable('the certificate has expired');
  return { certificateChain, privateKey: new Secret(privateKey), notAfter };
}

function belongs(leaf: X509Certificate, key: string): boolean {
  try {
    return leaf.checkPrivateKey(createPrivateKey(key));
  } catch {
    throw new Unusable('is not used: tls.key is no private key (PEM, not encrypted)');
  }
}

function readRoots(folder: string): NamedSecret['roots'] {
  const [certificates, crl] = [textOf(folder, 'ca.crt'), textOf(folder, 'ca.crl')];
  if (certificates === undefined) {
    if (crl !== undefined) throw new Unusable('is missing beside ca.crl');
    return undefined;
  }
  if (certificatesOf(certificates).length === 0) throw new Unusable('holds no certificate (PEM)');
  if (crl !== undefined && !crl.includes('-----BEGIN X509 CRL-----')) {
    throw new Unusable('is not used: ca.crl is no list of revocations (PEM)');
  }
  return crl === undefined ? { certificates } : { certificates, crl };
}

function certificatesOf(text: string): readonly X509Certificate[] {
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  try {
    return blocks.map((block) => new X509Certificate(block));
  } catch {
    throw new Unusable('holds a certificate that cannot be read (PEM)');
  }
}

function textOf(folder: string, file: File): string | undefined {
  const path = join(folder, file);
  const stat = statOf(path);
  if (stat === undefined) return undefined;
  if (!stat.isFile() || stat.size > longestFile) throw new Unusable(`is not used: ${file} is no file of at most 1 MiB`);
  return readFileSync(path, 'utf8');
}

/** Istio's convention: what `x` does not say of roots, `x-cacert` may. */
function withRoots(list: readonly NamedSecret[]): readonly NamedSecret[] {
  return list.map((secret) => {
    const roots = secret.roots ?? list.find(({ name }) => name === `${secret.name}-cacert`)?.roots;
    return roots === secret.roots || roots === undefined ? secret : { ...secret, roots };
  });
}

function keep(before: NamedSecretSet, next: NamedSecretSet): NamedSecretSet {
  const kept = new Map(
    [...next].map(([namespace, list]) => {
      const old = before.get(namespace) ?? [];
      const same = list.map((secret) => {
        const known = old.find(({ name }) => name === secret.name);
        return known && known.keys === secret.keys && known.roots === secret.roots ? known : secret;
      });
      const whole = same.length === old.length && same.every((secret, index) => secret === old[index]);
      return [namespace, whole ? old : same] as const;
    }),
  );
  const unchanged = kept.size === before.size && [...kept].every(([name, list]) => before.get(name) === list);
  return unchanged ? before : kept;
}
