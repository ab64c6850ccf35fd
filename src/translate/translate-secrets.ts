import { SecretSchema } from '../proto/gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.ts';
import type { Resource } from '../xds/resource.ts';
import { envoyResource } from './envoy-resource.ts';
import { bundleSecretName, identitySecretName } from './names.ts';
import { remember } from './remember.ts';
import { bundleSecretOf, identitySecretOf } from './secret.ts';

/** What a proxy proves itself with and whom it believes, as PEM: the chain leaf first, the roots of the trust domain. */
export interface SecretMaterial {
  readonly certificateChain: string;
  readonly privateKey: string;
  readonly bundle: readonly string[];
}

/** The secrets `identity` and `bundle` (SDS). The private key leaves this function only inside the resource's bytes. */
export const translateSecrets = remember(
  ({ certificateChain, privateKey, bundle }: SecretMaterial): readonly Resource[] => [
    envoyResource(SecretSchema, identitySecretName, identitySecretOf(certificateChain, privateKey)),
    envoyResource(SecretSchema, bundleSecretName, bundleSecretOf(bundle)),
  ],
);
