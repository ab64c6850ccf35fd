import { isIPv6 } from 'node:net';
import { Failure } from '../../model/failure.ts';
import { isLabel } from '../../model/identity.ts';
import type { RouteAnswer, RouteQuestion } from '../../model/route-answer.ts';
import { readApi, readValue } from '../read-api.ts';
import { routeLines } from '../render/route-answer.ts';
import type { ExitCode, VerbContext } from '../verb.ts';
import type { routeFlags } from '../verbs/route.ts';

export type RouteContext = VerbContext<typeof routeFlags>;

/**
 * `weft route`: of the running mesh, or with `-f` of the one that files describe. Exit 1 when nobody takes the call, or a proxy of the caller
 * refused what decides it.
 */
export async function route(context: RouteContext): Promise<ExitCode> {
  const { flags, output } = context;
  const question = questionOf(context);
  const { file } = flags;
  const answer =
    file === undefined
      ? await askServer(context, question)
      : await (await import('./route-files.ts')).routeOfFiles(context, file, question);
  if (answer === undefined) return 1;
  output.object('RouteDecision', answer, routeLines(answer, question, context.env));
  const isRefused = answer.proxies?.otherwise.some(({ state }) => state === 'refused') === true;
  return isRefused || ['no-rule', 'refuse', 'invalid'].includes(answer.outcome) ? 1 : 0;
}

async function askServer(context: RouteContext, question: RouteQuestion): Promise<RouteAnswer> {
  const { headers, ...rest } = question;
  const query = new URLSearchParams();
  for (const [name, part] of Object.entries(rest)) if (part !== undefined) query.set(name, String(part));
  for (const [name, text] of headers) query.append('header', `${name}: ${text}`);
  const api = await readApi(context);
  const answer = await readValue<RouteAnswer & { apiVersion?: string; kind?: string }>(api, `/api/v1/route?${query}`);
  const { apiVersion: _version, kind: _kind, ...said } = answer;
  return said;
}

function questionOf({ flags, namespace }: RouteContext): RouteQuestion {
  const { from, to, method, path, scheme, sni, header } = flags;
  const { host, port } = calledAt(to);
  if (from === '')
    throw wrong('--from "" is no workload', 'leave it out for a caller of the namespace -n without labels');
  if (!isLabel(namespace))
    throw wrong(`--namespace "${namespace}" is not a name`, 'lower-case letters, digits and "-"');
  if (!/^[!#$%&'*+.^_`|~\w-]+$/.test(method)) throw wrong(`--method "${method}" is no word`, 'write --method GET');
  if (sni !== undefined && !/^[\w.-]*$/.test(sni))
    throw wrong(
      `--sni "${sni}" is no name of a server`,
      'write --sni reviews.example, or --sni "" for TLS that names none',
    );
  return {
    namespace,
    host,
    method,
    path,
    headers: header.map(headerOf),
    ...(from === undefined ? {} : { from }),
    ...(port === undefined ? {} : { port }),
    ...(scheme === undefined ? {} : { scheme }),
    ...(sni === undefined ? {} : { serverName: sni }),
  };
}

export function calledAt(to: string): { readonly host: string; readonly port: number | undefined } {
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

export function headerOf(written: string): readonly [name: string, text: string] {
  const [, name, text = ''] = /^([!#$%&'*+.^_`|~\w-]+):(.*)$/s.exec(written) ?? [];
  const flag = Object.entries(pseudoHeaders).find(([pseudo]) => written.toLowerCase().startsWith(`${pseudo}:`))?.[1];
  if (flag !== undefined) throw wrong(`--header "${written}" is said by a flag of its own`, `use ${flag}`);
  if (name === undefined) throw wrong(`--header "${written}" is no header`, 'write --header "end-user: ana"');
  return [name, text.trim()];
}

export function wrong(what: string, hint: string): Failure {
  return new Failure('WEFT0912', what, hint);
}
