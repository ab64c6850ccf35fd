import { isIP, isIPv6 } from 'node:net';
import type { AuthorizationQuestion } from '../../model/authorization-answer.ts';
import { Failure } from '../../model/failure.ts';
import { isLabel } from '../../model/identity.ts';
import { readApi, readValue } from '../read-api.ts';
import type { VerbContext } from '../verb.ts';
import type { authzFlags } from '../verbs/authz.ts';

export type CallContext = VerbContext<typeof authzFlags>;

/** What the flags of `weft authz` and `weft check` ask. Throws Failure WEFT0912 for what is no call. */
export function callQuestion({ flags, namespace }: CallContext): AuthorizationQuestion {
  const { from, address, claims } = flags;
  if (from === '') throw wrong('--from "" is nobody', 'leave it out for a caller without an identity');
  const called = calledBy(flags, namespace);
  if (address !== undefined && isIP(address) === 0)
    throw wrong(`--address "${address}" is no address`, 'write --address 10.0.0.7');
  return {
    ...called,
    ...(from === undefined ? {} : { from }),
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

/** What every question about a call begins with. */
type Called = Pick<AuthorizationQuestion, 'namespace' | 'host' | 'port' | 'method' | 'path' | 'headers'>;

interface CalledFlags {
  readonly to: string;
  readonly method: string;
  readonly path: string;
  readonly header: readonly string[];
}

/** What is called, and how. Throws Failure WEFT0912 for what is no call. */
export function calledBy({ to, method, path, header }: CalledFlags, namespace: string): Called {
  const { host, port } = calledAt(to);
  if (!isLabel(namespace))
    throw wrong(`--namespace "${namespace}" is not a name`, 'lower-case letters, digits and "-"');
  if (!/^[!#$%&'*+.^_`|~\w-]+$/.test(method)) throw wrong(`--method "${method}" is no word`, 'write --method GET');
  return { namespace, host, method, path, headers: header.map(headerOf), ...(port === undefined ? {} : { port }) };
}

/** Asks the server at `path`. */
export async function askAboutCall<T>(
  context: Parameters<typeof readApi>[0],
  path: string,
  question: Called & Pick<AuthorizationQuestion, 'claims'>,
): Promise<T> {
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

function calledAt(to: string): { readonly host: string; readonly port: number | undefined } {
  const [, host = '', written] = /^(\[[0-9A-Fa-f:.]+\]|[^\s:/]+)(?::(\d+))?$/.exec(to) ?? [];
  if (host === '') throw wrong(`--to "${to}" is not HOST or HOST:PORT`, hintFor(to));
  const port = written === undefined ? undefined : Number(written);
  if (port === 0 || (port ?? 1) > 65_535)
    throw wrong(`--to "${to}": ${written} is no port`, 'ports are numbers from 1 to 65535');
  return { host, port };
}

/** An address without brackets and a URL, or a part of one, are what is written instead most. */
function hintFor(to: string): string {
  if (isIPv6(to)) return `write --to [${to}], or --to [${to}]:9080`;
  const [, scheme, authority = '', path = ''] = /^(?:(https?):\/\/)?([^\s/]+)(\/\S*)?$/i.exec(to) ?? [];
  const isUrl = authority !== '' && (scheme !== undefined || path !== '');
  return isUrl ? `write --to ${authority}${path === '' ? '' : ` --path ${path}`}` : 'write --to reviews:9080';
}

/** What HTTP/2 writes as headers has flags of its own. */
const pseudoHeaders = {
  ':method': '--method',
  ':path': '--path',
  ':authority': '--to',
  ':scheme': '--scheme',
} as const;

function headerOf(written: string): readonly [name: string, text: string] {
  const [, name, text = ''] = /^([!#$%&'*+.^_`|~\w-]+):(.*)$/s.exec(written) ?? [];
  const flag = Object.entries(pseudoHeaders).find(([pseudo]) => written.toLowerCase().startsWith(`${pseudo}:`))?.[1];
  if (flag !== undefined) throw wrong(`--header "${written}" is said by a flag of its own`, `use ${flag}`);
  if (name === undefined)
    throw wrong(`--header "${written}" is no header`, `write --header "${assigned(written) ?? 'end-user: ana'}"`);
  return [name, text.trim()];
}

/** `end-user=ana`, as other programs have it, in the form that is taken. */
function assigned(written: string): string | undefined {
  const [, name, text = ''] = /^([!#$%&'*+.^_`|~\w-]+)=(.*)$/s.exec(written) ?? [];
  return name === undefined ? undefined : `${name}: ${text}`;
}

export function wrong(what: string, hint: string): Failure {
  return new Failure('WEFT0912', what, hint);
}
