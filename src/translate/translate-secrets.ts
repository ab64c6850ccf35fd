import type { Destination } from '../model/ir-destination.ts';
import { remember } from '../model/remember.ts';
import { debianRoots } from '../model/system-roots.ts';
import { SecretSchema } from '../proto/gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.ts';
import type { Resource } from '../xds/resource.ts';
import { envoyResource } from './envoy-resource.ts';
import { bundleSecretName, identitySecretName, keysSecretName, rootsSecretName, systemRootsName } from './names.ts';
import {
  bundleSecretOf,
  identitySecretOf,
  keyFilesSecret,
  keysSecretOf,
  ownIdentitySecret,
  rootFilesSecret,
  rootsSecretOf,
} from './secret.ts';

/** What a proxy proves itself with and whom it believes, as PEM: the chain leaf first, the roots of the trust domain. */
export type SecretMaterial = SharedMaterial & (SentIdentity | OwnIdentity);

/** A certificate and key that were made for it. */
interface SentIdentity {
  readonly certificateChain: string;
  readonly privateKey: string;
}

/** It keeps both in this folder beside it. */
interface OwnIdentity {
  readonly identityFolder: string;
}

interface SharedMaterial {
  readonly bundle: readonly string[];
  /** The named secrets of its namespace. */
  readonly named?: readonly NamedSecretMaterial[];
  /** Where the machine of the proxy has the roots of its system; absent: where Debian, Ubuntu and Alpine have them. */
  readonly systemRootsFile?: string;
}

/** What a named secret holds, as PEM; at least one of the two. */
export interface NamedSecretMaterial {
  readonly name: string;
  readonly keys?: { readonly certificateChain: string; readonly privateKey: string };
  readonly roots?: { readonly certificates: string; readonly crl?: string };
}

/** The secrets `identity` and `bundle` (SDS), and the named ones. Private keys leave this function only inside the resources' bytes. */
export const translateSecrets = remember((material: SecretMaterial): readonly Resource[] => {
  const { bundle, named = [], systemRootsFile = debianRoots } = material;
  const identity =
    'identityFolder' in material
      ? ownIdentitySecret(material.identityFolder)
      : identitySecretOf(material.certificateChain, material.privateKey);
  return [
    envoyResource(SecretSchema, identitySecretName, identity),
    envoyResource(SecretSchema, bundleSecretName, bundleSecretOf(bundle)),
    systemRoots(systemRootsFile),
    ...named.flatMap(namedSecrets),
  ];
});

const systemRootsByFile = new Map<string, Resource>();

/** Of one file for all proxies, as a rule; Envoy knows no roots of a system by itself. */
function systemRoots(file: string): Resource {
  const known = systemRootsByFile.get(file);
  if (known) return known;
  const made = envoyResource(SecretSchema, systemRootsName, rootFilesSecret(systemRootsName, file));
  systemRootsByFile.set(file, made);
  return made;
}

const namedSecrets = remember(({ name, keys, roots }: NamedSecretMaterial): readonly Resource[] => {
  const [keysName, rootsName] = [keysSecretName({ kind: 'named', name }), rootsSecretName({ kind: 'named', name })];
  const own = keys && keysSecretOf(keysName, keys.certificateChain, keys.privateKey);
  const believed = roots && rootsSecretOf(rootsName, roots.certificates, roots.crl);
  return [
    ...(own ? [envoyResource(SecretSchema, keysName, own)] : []),
    ...(believed ? [envoyResource(SecretSchema, rootsName, believed)] : []),
  ];
});

/** The names of the secrets by which a destination is called. */
export function secretNamesOf({ security }: Destination): readonly string[] {
  switch (security.kind) {
    case 'plain':
      return [];
    case 'mesh':
      return [identitySecretName, bundleSecretName];
    case 'tls': {
      const { client, server } = security;
      return [...(client ? [keysSecretName(client)] : []), ...(server ? [rootsSecretName(server.roots)] : [])];
    }
    default:
      return security satisfies never;
  }
}

/** The secrets that lie in files beside the proxy: what is sent of them is their paths alone. */
export const fileSecrets = remember(({ security }: Destination): readonly Resource[] => {
  if (security.kind !== 'tls') return [];
  const { client, server } = security;
  const keys = client?.kind === 'files' ? keyFilesSecret(client) : undefined;
  const { roots = 'system' } = server ?? {};
  const believed =
    roots !== 'system' && roots.kind === 'files'
      ? rootFilesSecret(rootsSecretName(roots), roots.roots, roots.crl)
      : undefined;
  return [keys, believed].flatMap((secret) => (secret ? [envoyResource(SecretSchema, secret.name, secret)] : []));
});
