import { Failure } from '../model/failure.ts';
import type { RevisionStatus } from '../model/status.ts';
import type { Readiness } from './admin-source.ts';

/** The one envelope of everything that is printed or answered as JSON (section 2.1 of experience.md). */
export const apiVersion = 'cli.weft.dev/v1';

export interface ListEnvelope<Item> {
  readonly apiVersion: string;
  readonly kind: string;
  readonly items: readonly Item[];
}

export interface ErrorEnvelope {
  readonly apiVersion: string;
  readonly kind: 'Error';
  readonly code: string;
  readonly message: string;
  readonly hint: string;
  readonly where?: string;
}

/** `{"apiVersion":..,"kind":"ProxyList","items":[..]}` for the kind `Proxy`. */
export function listEnvelope<Item>(kind: string, items: readonly Item[]): ListEnvelope<Item> {
  return { apiVersion, kind: `${kind}List`, items };
}

/** One value with its kind; the value's own keys stand beside `kind`. */
export function envelope<Value extends object>(
  kind: string,
  value: Value,
): Value & { readonly apiVersion: string; readonly kind: string } {
  return { apiVersion, kind, ...value };
}

export function errorEnvelope(failure: Failure): ErrorEnvelope {
  const { code, message, hint, where } = failure;
  return { apiVersion, kind: 'Error', code, message, hint, ...(where === undefined ? {} : { where }) };
}

/** Codes of the admin API itself; each has one HTTP status. Codes without a row are answered as 400: the request was at fault. */
const statusByCode: Readonly<Record<string, number>> = {
  WEFT0306: 409,
  WEFT0901: 503,
  WEFT0902: 403,
  WEFT0904: 500,
  WEFT0909: 503,
  WEFT0920: 404,
  WEFT0921: 400,
  WEFT0922: 403,
  WEFT0923: 500,
};

/** The HTTP status of a failure; WEFT0902 is 401 where nobody has shown who they are. */
export function httpStatus(failure: Failure): number {
  if (failure instanceof NotAuthenticated) return 401;
  return statusByCode[failure.code] ?? 400;
}

/** Nobody asks: no credential, or one that is unknown, expired or revoked. */
class NotAuthenticated extends Failure {}

export function notAuthenticated(shown: boolean): Failure {
  return new NotAuthenticated(
    'WEFT0902',
    shown ? 'the token is unknown, expired or revoked, or there to join with' : 'this address needs a token',
    'run it in the folder of weft up, or --token-file .weft/state/operator.token',
  );
}

export function notPermitted(who: string, needed: string): Failure {
  return new Failure('WEFT0902', `${who} may not do this`, needed);
}

export function notFound(message: string, hint: string): Failure {
  return new Failure('WEFT0920', message, hint);
}

/** Why there is no mesh yet: what has errors is not mended by asking again. */
export function notReady({ waitingFor, rejected }: Readiness): Failure {
  if (rejected !== undefined)
    return new Failure(
      'WEFT0901',
      `nothing is served yet: ${rejectionWords(rejected)}`,
      `mend it and commit; ${commandFor(rejected)} says what is wrong`,
    );
  const missing = waitingFor.length === 0 ? '' : `: waiting for ${waitingFor.join('; ')}`;
  return new Failure('WEFT0901', `the mesh is not loaded yet${missing}`, 'ask again in a moment');
}

/** `commit 26a73e2 was rejected: 1 error` */
export function rejectionWords({ commit, errors }: Pick<RevisionStatus, 'commit' | 'errors'>): string {
  return `commit ${commit} was rejected: ${errors} error${errors === 1 ? '' : 's'}`;
}

function commandFor({ commit }: Pick<RevisionStatus, 'commit'>): string {
  return `weft validate --live${commit.endsWith('+edits') ? '' : ` --rev ${commit}`}`;
}
