import { Failure } from '../model/failure.ts';

/**
 * What the control plane's words become when it turned a credential down. It says `WEFT0203 message; fix: hint` (E4: Envoy logs that line
 * as it is); words without a code are WEFT0902.
 */
export function parseRefusal(words: string, where?: string): Failure {
  const text = decoded(words.replace(/\{via_upstream\}$/, '').trim());
  const [, code = 'WEFT0902', rest = text] = /^(WEFT\d{4}):?\s+(.*)$/s.exec(text) ?? [];
  const [, message = rest, hint = 'make a new token: weft token create --service NAME'] =
    /^(.*?);\s*fix:\s*(.*)$/s.exec(rest) ?? [];
  return new Failure(code, message === '' ? 'the control plane refused the credential' : message, hint, where);
}

/** The one line in which a refusal travels through gRPC status details; parseRefusal reads it. */
export function refusalText(failure: Failure): string {
  return `${failure.code} ${failure.message}; fix: ${failure.hint}`;
}

/** Envoy logs grpc-message as it came over the wire, percent-encoded; grpc-js gives it decoded. */
function decoded(words: string): string {
  try {
    return decodeURIComponent(words);
  } catch {
    return words;
  }
}
