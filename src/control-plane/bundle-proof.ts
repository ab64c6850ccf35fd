import type { RotationStatus } from '../model/rotation-status.ts';
import { bundleSecretName, identitySecretName } from '../translate/names.ts';
import { secretType } from '../xds/resource-types.ts';
import type { StreamStatus, TypeStatus } from '../xds/status.ts';
import { oneLine } from './one-line.ts';

/** What is asked of a live proxy before the next step of a root rotation (F9, X118). */
export interface ProofOf {
  /** Version of the secret `bundle` that holds exactly the roots that are trusted now. */
  readonly bundle: string;
  /** Set where its own certificate must be under the root that signs, too. */
  readonly identity?: {
    /** Version of the secret `identity` that it should hold; undefined: none could be made. */
    readonly version: string | undefined;
    /** Whether that certificate, or the one that it signed for its own key, is under the root that signs. */
    readonly isRenewed: boolean;
  };
}

/**
 * Why a live proxy has not shown yet what the next step asks for; undefined: it has. What counts is what its Envoy has acknowledged: a
 * secret that an Envoy acknowledged is the one of its next handshake (E9). A response without its answer proves nothing, nor does a proxy
 * without a stream. Who uses no secret at all has nothing to acknowledge, and is given the newest as soon as it asks.
 */
export function notProved(
  stream: Pick<StreamStatus<unknown>, 'types'> | undefined,
  wanted: ProofOf,
): string | undefined {
  if (stream === undefined) return 'it has no stream, and is awaited';
  const secrets = stream.types.find(({ typeUrl }) => typeUrl === secretType);
  const { identity } = wanted;
  if (identity !== undefined && !identity.isRenewed) return 'its certificate is not renewed yet';
  if (secrets === undefined) return undefined;
  const bundle = unheld(secrets, bundleSecretName, wanted.bundle, 'the roots');
  return bundle ?? (identity && unheld(secrets, identitySecretName, identity.version, 'its new certificate'));
}

function unheld(secrets: TypeStatus, name: string, version: string | undefined, what: string): string | undefined {
  if (!secrets.isSubscribed(name) && secrets.versionOf(name) === undefined) return undefined;
  const { error } = secrets;
  if (error?.names.includes(name)) return `it refused ${what}: ${oneLine(error.message)}`;
  // Which names a response without an answer carries is not known here: none of them is taken for acknowledged.
  if (secrets.inFlightSince !== undefined) return `it has not acknowledged ${what}`;
  return version !== undefined && secrets.versionOf(name) === version ? undefined : `it was not sent ${what} yet`;
}

/** Which step is proved for in a phase. */
export function nextStep(phase: RotationStatus['phase']): RotationStatus['next'] {
  switch (phase) {
    case 'steady':
      return undefined;
    case 'prepared':
      return 'activate';
    case 'activated':
    case 'returning':
      return 'finish';
    default:
      return phase satisfies never;
  }
}
