import { isIP } from 'node:net';
import type { AuthorizationQuestion } from '../../model/authorization-answer.ts';
import type { Failure } from '../../model/failure.ts';
import { isLabel } from '../../model/identity.ts';
import { readApi, readValue } from '../read-api.ts';
import type { VerbContext } from '../verb.ts';
import type { authzFlags } from '../verbs/authz.ts';
import { calledAt, headerOf, wrong } from './route.ts';

export type CallContext = VerbContext<typeof authzFlags>;

/** What the flags of `weft authz` and `weft check` ask. Throws Failure WEFT0912 for what is no call. */
export function callQuestion({ flags, namespace }: CallContext): AuthorizationQuestion {
  const { from, to, method, path, header, address, claims } = flags;
  const { host, port } = calledAt(to);
  if (from === '') throw wrong('--from "" is nobody', 'leave it out for a caller without an identity');
  if (!isLabel(namespace))
    throw wrong(`--namespace "${namespace}" is not a name`, 'lower-case letters, digits and "-"');
  if (!/^[!#$%&'*+.^_`|~\w-]+$/.test(method)) throw wrong(`--method "${method}" is no word`, 'write --method GET');
  if (address !== undefined && isIP(address) === 0)
    throw wrong(`--address "${address}" is no address`, 'write --address 10.0.0.7');
  return {
    namespace,
    host,
    method,
    path,
    headers: header.map(headerOf),
    ...(from === undefined ? {} : { from }),
    ...(port === undefined ? {} : { port }),
    ...(address === undefined ? {} : { address }),
    ...(claims === undefined ? {} : { claims: claimsOf(claims) }),
  };
}

function claimsOf(written: string): Readonly<Record<string, unknown>> {
  const failure: Failure = wrong(
    `--claims ${written} is no JSON object`,
    `write --claims '{"iss":"https://issuer.example"}'`,
  );
  try {
    const value: unknown = JSON.parse(written);
    if (typeof value === 'object' && value !== null && !Array.isArray(value))
      return value as Readonly<Record<string, unknown>>;
  } catch {}
  throw failure;
}

/** Asks the server at `path`. */
export async function askAboutCall<T>(context: CallContext, path: string, question: AuthorizationQuestion): Promise<T> {
  const { headers, claims, ...rest } = question;
  const query = new URLSearchParams();
  for (const [name, part] of Object.entries(rest)) if (part !== undefined) query.set(name, String(part));
  for (const [name, text] of headers) query.append('header', `${name}: ${text}`);
  if (claims !== undefined) query.set('claims', JSON.stringify(claims));
  const api = await readApi(context);
  const answer = await readValue<T & { apiVersion?: string; kind?: string }>(api, `${path}?${query}`);
  const { apiVersion: _version, kind: _kind, ...said } = answer;
  return said as T;
}
