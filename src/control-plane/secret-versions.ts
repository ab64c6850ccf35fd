import type { Svid } from '../ca/svid.ts';
import { SecretSchema } from '../proto/gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.ts';
import { envoyResource } from '../translate/envoy-resource.ts';
import { bundleSecretName, identitySecretName } from '../translate/names.ts';
import { bundleSecretOf, identitySecretOf } from '../translate/secret.ts';

const ofBundles = new WeakMap<readonly string[], string>();
const ofSvids = new WeakMap<Svid, string>();

/** The version (hash of the content, X32) of the secret `bundle` with these roots: known before it is sent to anybody. */
export function bundleVersion(roots: readonly string[]): string {
  const known = ofBundles.get(roots);
  if (known !== undefined) return known;
  const { version } = envoyResource(SecretSchema, bundleSecretName, bundleSecretOf(roots));
  ofBundles.set(roots, version);
  return version;
}

/** The version of the secret `identity` with this certificate and key. */
export function identityVersion(svid: Svid): string {
  const known = ofSvids.get(svid);
  if (known !== undefined) return known;
  const secret = identitySecretOf(svid.certificateChain, svid.privateKey.expose());
  const { version } = envoyResource(SecretSchema, identitySecretName, secret);
  ofSvids.set(svid, version);
  return version;
}
