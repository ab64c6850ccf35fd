import { createPublicKey } from 'node:crypto';

/** What is wrong with a JSON Web Key Set, and what to do. */
export interface KeySetProblem {
  readonly message: string;
  readonly hint: string;
}

/** The algorithms of each type of key that the proxy verifies with, and its curves. */
const types: Readonly<Record<string, { readonly algorithms: RegExp; readonly curves?: readonly string[] }>> = {
  RSA: { algorithms: /^(?:RS|PS)(?:256|384|512)$/ },
  EC: { algorithms: /^ES(?:256|384|512)$/, curves: ['P-256', 'P-384', 'P-521'] },
  OKP: { algorithms: /^EdDSA$/, curves: ['Ed25519'] },
};

/**
 * Why a text is no set of public keys (T24), the first reason; undefined: it is one. A key that is no use makes the whole set wrong: the proxy
 * would leave it out in silence. Secrets that both sides share are refused, as whoever reads the policy could sign with them.
 */
export function keySetProblem(text: string): KeySetProblem | undefined {
  const set = parsed(text);
  if (set === undefined) return { message: 'expected a JSON Web Key Set, got no JSON', hint: whole };
  const keys = memberOf(set, 'keys');
  if (!Array.isArray(keys)) return { message: 'expected a JSON Web Key Set, got no list "keys" in it', hint: whole };
  if (keys.length === 0) return { message: 'expected at least one key in "keys"', hint: whole };
  for (const [index, key] of keys.entries()) {
    const problem = keyProblem(key, `keys[${index}]`);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

const whole = 'write what the issuer publishes: {"keys": [{"kty": "EC", …}]}';

function keyProblem(key: unknown, at: string): KeySetProblem | undefined {
  const type = memberOf(key, 'kty');
  if (type === 'oct')
    return {
      message: `${at} is a secret that issuer and proxy share (oct): who reads it here can sign tokens`,
      hint: 'have the issuer sign with RSA, EC or Ed25519, and write its public key',
    };
  const known = typeof type === 'string' ? new Map(Object.entries(types)).get(type) : undefined;
  if (known === undefined)
    return { message: `${at} has no kty of RSA, EC or OKP`, hint: 'write a public key of one of these types' };
  if (memberOf(key, 'd') !== undefined)
    return { message: `${at} holds the private key: who reads it here can sign tokens`, hint: publicAlone };
  const [algorithm, curve] = [memberOf(key, 'alg'), memberOf(key, 'crv')];
  if (algorithm !== undefined && !(typeof algorithm === 'string' && known.algorithms.test(algorithm)))
    return {
      message: `${at}: alg ${JSON.stringify(algorithm)} is none of a key of type ${type}`,
      hint: 'correct it, or leave it out',
    };
  if (known.curves && !known.curves.some((one) => one === curve))
    return { message: `${at}: crv is none of ${known.curves.join(', ')}`, hint: 'write a key of one of these curves' };
  const reason = unusable(key);
  return reason === undefined ? undefined : { message: `${at} is no key of type ${type}: ${reason}`, hint: whole };
}

const publicAlone = 'replace the key, which is known now, and write only the public part of the new one';

/** Why no public key can be made of it. */
function unusable(key: unknown): string | undefined {
  try {
    createPublicKey({ key: key as Record<string, unknown>, format: 'jwk' });
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function memberOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? new Map<string, unknown>(Object.entries(value)).get(name)
    : undefined;
}
