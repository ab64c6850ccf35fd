import { type Secret, SecretSchema } from '../proto/gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.ts';
import { message } from '../proto/message.ts';
import { bundleSecretName, identitySecretName } from './names.ts';

/** A proxy's own certificate chain, leaf first, and its private key, as PEM. */
export function identitySecretOf(certificateChain: string, privateKey: string): Secret {
  return message(SecretSchema, {
    name: identitySecretName,
    type: {
      case: 'tlsCertificate',
      value: {
        certificateChain: { specifier: { case: 'inlineString', value: certificateChain } },
        privateKey: { specifier: { case: 'inlineString', value: privateKey } },
      },
    },
  });
}

/** The roots that peers must chain to, as PEM. */
export function bundleSecretOf(roots: readonly string[]): Secret {
  const text = roots.map((root) => (root.endsWith('\n') ? root : `${root}\n`)).join('');
  return message(SecretSchema, {
    name: bundleSecretName,
    type: { case: 'validationContext', value: { trustedCa: { specifier: { case: 'inlineString', value: text } } } },
  });
}
