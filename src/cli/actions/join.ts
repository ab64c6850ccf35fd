import { controlPlaneName } from '../../ca/certificate-template.ts';
import { fetchPinnedBundle, type PinnedBundleOptions } from '../../ca/pinned-bundle.ts';
import { Failure } from '../../model/failure.ts';
import type { Secret } from '../../model/secret.ts';
import type { ControlPlaneAddress } from '../../sidecar/bootstrap.ts';
import { fingerprintsOf } from '../../sidecar/known-roots.ts';
import { locateXds } from '../locate-control-plane.ts';
import { namedToken } from '../token-file.ts';
import type { VerbContext } from '../verb.ts';

export interface Joined {
  readonly controlPlane: ControlPlaneAddress;
  /** The token as it is sent, and its id. */
  readonly token: { readonly id: string; readonly bearer: Secret<string> };
  /** SHA-256 of the pinned root, hex. */
  readonly fingerprint: string;
  /** It does not answer; its roots are those that it told an earlier run. */
  readonly isAway: boolean;
}

/**
 * Reads the token, finds the control plane and takes its root certificate if it is the one that the token pins. There is no way around the
 * pin; `remembered`: PEM of the roots that the control plane of this pin told an earlier run. Throws the Failures of namedToken, locateXds and fetchPinnedBundle, and WEFT0912 where no token was named.
 */
export async function joinControlPlane(
  context: Pick<VerbContext, 'env' | 'cwd' | 'readInput' | 'globals'>,
  tokenFile: string | undefined,
  remembered: (fingerprint: string) => string | undefined = () => undefined,
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
  const at = { host, port, fingerprint, timeout: globals.timeout };
  const { rootPem, isAway = false } = await pinnedRoot(at, () => remembered(fingerprint));
  return { controlPlane: { host, port, serverName: controlPlaneName, rootPem }, token, fingerprint, isAway };
}

/** The root that the token pins, or one that has taken its place while this proxy was a member. */
async function pinnedRoot(
  at: PinnedBundleOptions,
  remembered: () => string | undefined,
): Promise<{ readonly rootPem: string; readonly isAway?: boolean }> {
  try {
    return { rootPem: await fetchPinnedBundle(at) };
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    const kept = remembered();
    // A machine that starts anew before its control plane does is no stranger.
    if (error.code === 'WEFT0901' && kept !== undefined) return { rootPem: kept, isAway: true };
    if (error.code !== 'WEFT0915') throw error;
    for (const fingerprint of fingerprintsOf(kept ?? '').filter((known) => known !== at.fingerprint)) {
      const found = await fetchPinnedBundle({ ...at, fingerprint }).catch(() => undefined);
      if (found !== undefined) return { rootPem: found };
    }
    throw error;
  }
}
