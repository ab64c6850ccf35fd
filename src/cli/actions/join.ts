import { controlPlaneName } from '../../ca/certificate-template.ts';
import { fetchPinnedBundle } from '../../ca/pinned-bundle.ts';
import { Failure } from '../../model/failure.ts';
import type { Secret } from '../../model/secret.ts';
import type { ControlPlaneAddress } from '../../sidecar/bootstrap.ts';
import { locateXds } from '../locate-control-plane.ts';
import { namedToken } from '../token-file.ts';
import type { VerbContext } from '../verb.ts';

export interface Joined {
  readonly controlPlane: ControlPlaneAddress;
  /** The token as it is sent, and its id. */
  readonly token: { readonly id: string; readonly bearer: Secret<string> };
  /** SHA-256 of the pinned root, hex. */
  readonly fingerprint: string;
}

/**
 * Reads the token, finds the control plane and takes its root certificate if it is the one that the token pins. There is no way around the
 * pin. Throws the Failures of namedToken, locateXds and fetchPinnedBundle, and WEFT0912 where no token was named.
 */
export async function joinControlPlane(
  context: Pick<VerbContext, 'env' | 'cwd' | 'readInput' | 'globals'>,
  tokenFile: string | undefined,
): Promise<Joined> {
  const { env, cwd, readInput, globals } = context;
  const token = await namedToken({ flag: tokenFile, env, cwd, readInput });
  if (token === undefined)
    throw new Failure(
      'WEFT0912',
      'no token was given',
      'weft token create --service NAME -o file > FILE, then --token-file FILE (or WEFT_TOKEN_FILE)',
    );
  const { host, port } = locateXds({ flag: globals.cp, env, cwd });
  const { fingerprint } = token;
  const rootPem = await fetchPinnedBundle({ host, port, fingerprint, timeout: globals.timeout });
  return { controlPlane: { host, port, serverName: controlPlaneName, rootPem }, token, fingerprint };
}
