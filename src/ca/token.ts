import { Failure } from '../model/failure.ts';
import { Secret } from '../model/secret.ts';

/** A token's text, taken apart: what a client sends, and which certificate authority it may send it to. */
export interface Token {
  readonly id: string;
  /** `<id>.<secret>`, what goes into `authorization: Bearer`. */
  readonly bearer: Secret<string>;
  /** SHA-256 of the root certificate's DER in lower-case hex: the control plane must present it (pinned-bundle.ts). */
  readonly fingerprint: string;
}

const idForm = /^[A-Za-z0-9_-]{12}$/;
/** 32 bytes as unpadded base64url. */
const longForm = /^[A-Za-z0-9_-]{43}$/;

/** The parts of a bearer; undefined for anything else. `id` is safe to print once this has returned. */
export function parseBearer(bearer: string): { readonly id: string; readonly secret: string } | undefined {
  const [id = '', secret = '', ...rest] = bearer.split('.');
  return rest.length === 0 && idForm.test(id) && longForm.test(secret) ? { id, secret } : undefined;
}

/** One line: `<id>.<secret>.<fingerprint>`, all base64url. `fingerprint` in hex. */
export function tokenText(bearer: string, fingerprint: string): Secret<string> {
  return new Secret(`${bearer}.${Buffer.from(fingerprint, 'hex').toString('base64url')}`);
}

/**
 * Reads a token's text (a file's content; white space around it is dropped). Throws Failure WEFT0203, whose words never hold
 * what was read; `where`: the file, for its place.
 */
export function parseToken(text: string, where?: string): Token {
  const trimmed = text.trim();
  const [id = '', secret = '', fingerprint = '', ...rest] = trimmed.split('.');
  if (trimmed === '') throw malformed('it is empty', where);
  if (/\s/.test(trimmed)) throw malformed('it is more than one line or word', where);
  if (rest.length > 0 || fingerprint === '') {
    throw malformed('it is not of the form <id>.<secret>.<fingerprint>', where);
  }
  if (parseBearer(`${id}.${secret}`) === undefined || !longForm.test(fingerprint)) {
    throw malformed('a part of it is too short, too long, or holds a character that no token has', where);
  }
  const bearer = new Secret(`${id}.${secret}`);
  return { id, bearer, fingerprint: Buffer.from(fingerprint, 'base64url').toString('hex') };
}

function malformed(why: string, where: string | undefined): Failure {
  return new Failure(
    'WEFT0203',
    `the token cannot be read: ${why}`,
    'copy the whole line that "weft token create" printed, or make a new token: weft token create --service NAME --namespace NAMESPACE',
    where,
  );
}
