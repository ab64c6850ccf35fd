import { dirname } from 'node:path/posix';
import type { KeysRef } from '../model/ir-destination.ts';
import type { WatchedDirectory } from '../proto/gen/envoy/config/core/v3/base_pb.ts';
import { WatchedDirectorySchema } from '../proto/gen/envoy/config/core/v3/base_pb.ts';
import { type Secret, SecretSchema } from '../proto/gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.ts';
import { message } from '../proto/message.ts';
import { bundleSecretName, identitySecretName, keysSecretName } from './names.ts';

/** A proxy's own certificate chain, leaf first, and its private key, as PEM. */
export function identitySecretOf(certificateChain: string, privateKey: string): Secret {
  return keysSecretOf(identitySecretName, certificateChain, privateKey);
}

/** The names below the folder in which a proxy keeps its own key: one link is turned to both new files at once. */
export const ownChain = 'current/chain.pem';
export const ownKey = 'current/key.pem';

/** Where a proxy has its certificate and the key that it made itself: their paths alone, read anew when the link is turned. */
export function ownIdentitySecret(folder: string): Secret {
  return message(SecretSchema, {
    name: identitySecretName,
    type: {
      case: 'tlsCertificate',
      value: {
        certificateChain: file(`${folder}/${ownChain}`),
        privateKey: file(`${folder}/${ownKey}`),
        watchedDirectory: message(WatchedDirectorySchema, { path: folder }),
      },
    },
  });
}

/** Any certificate chain, leaf first, and its private key, as PEM. */
export function keysSecretOf(name: string, certificateChain: string, privateKey: string): Secret {
  return message(SecretSchema, {
    name,
    type: {
      case: 'tlsCertificate',
      value: { certificateChain: inline(certificateChain), privateKey: inline(privateKey) },
    },
  });
}

/** The roots that peers must chain to, as PEM. */
export function bundleSecretOf(roots: readonly string[]): Secret {
  const text = roots.map((root) => (root.endsWith('\n') ? root : `${root}\n`)).join('');
  return rootsSecretOf(bundleSecretName, text);
}

/** Roots, and what they revoked, as PEM. */
export function rootsSecretOf(name: string, roots: string, crl?: string): Secret {
  return message(SecretSchema, {
    name,
    type: {
      case: 'validationContext',
      value: { trustedCa: inline(roots), ...(crl === undefined ? {} : { crl: inline(crl) }) },
    },
  });
}

/** A certificate and its key in files beside the proxy, which reads them anew when one is moved into their folder. */
export function keyFilesSecret(ref: Extract<KeysRef, { kind: 'files' }>): Secret {
  return message(SecretSchema, {
    name: keysSecretName(ref),
    type: {
      case: 'tlsCertificate',
      value: {
        certificateChain: file(ref.certificate),
        privateKey: file(ref.key),
        ...watched([ref.certificate, ref.key]),
      },
    },
  });
}

/** Roots and revocations in files beside the proxy. */
export function rootFilesSecret(name: string, roots: string, crl?: string): Secret {
  return message(SecretSchema, {
    name,
    type: {
      case: 'validationContext',
      value: {
        trustedCa: file(roots),
        ...(crl === undefined ? {} : { crl: file(crl) }),
        ...watched(crl === undefined ? [roots] : [roots, crl]),
      },
    },
  });
}

/** One folder can be watched, as a link in it may be turned to new files; of files in several, each is. */
function watched(paths: readonly string[]): { watchedDirectory?: WatchedDirectory } {
  const [folder, another] = new Set(paths.map((path) => dirname(path)));
  if (folder === undefined || another !== undefined) return {};
  return { watchedDirectory: message(WatchedDirectorySchema, { path: folder }) };
}

function inline(text: string) {
  return { specifier: { case: 'inlineString' as const, value: text } };
}

function file(path: string) {
  return { specifier: { case: 'filename' as const, value: path } };
}
