import type { TokenReport } from '../../admin/admin-source.ts';
import { Failure } from '../../model/failure.ts';
import { port, UsageError } from '../flag.ts';
import { locateAdminApi, xdsOption } from '../locate-control-plane.ts';
import { readApi, readItems } from '../read-api.ts';
import { readLabels } from '../read-labels.ts';
import { tokenColumns } from '../render/kinds.ts';
import type { ExitCode, VerbContext } from '../verb.ts';
import type { tokenCreateFlags, tokenFlags } from '../verbs/token.ts';

/** `weft token create`: the secret alone goes to stdout, so that it can be sent to a file. */
export async function createToken(context: VerbContext<typeof tokenCreateFlags>): Promise<ExitCode> {
  const { flags, output, namespace } = context;
  const api = await readApi(context);
  const account = flags['service-account'];
  const answer = await api.post('/api/v1/tokens', {
    ...(flags.uses === 'unlimited' ? { kind: 'credential' } : { uses: flags.uses }),
    services: flags.service,
    namespace,
    ...(account === undefined ? {} : { serviceAccount: account }),
    ...(flags.ttl === undefined ? {} : { ttlSeconds: Math.ceil(flags.ttl / 1000) }),
    ...(flags.cidr.length === 0 ? {} : { cidrs: flags.cidr }),
    ...(flags.port.length === 0 ? {} : { ports: flags.port.map((given) => checkedPort(given)) }),
    ...(flags.label.length === 0 ? {} : { labels: readLabels(flags.label) }),
    ...(flags.group === undefined ? {} : { group: flags.group }),
  });
  const token = field(answer, 'token');
  if (typeof token !== 'string') throw unexpected('token');
  context.makeOutputPrivate();
  output.object('Token', answer as object, [token]);
  const [id, identities, expires] = ['id', 'identities', 'expires'].map((name) => field(answer, name));
  const whom = (Array.isArray(identities) ? identities : flags.service).join(' or ');
  const until = expires === undefined ? 'until it is revoked' : `until ${expires}`;
  const often = { 1: 'one use, ', unlimited: '' }[flags.uses] ?? `${flags.uses} uses, `;
  output.say(`token ${id} for ${whom}, ${often}${until}; it is not shown again`);
  const { env, cwd, globals } = context;
  const asked = { flag: globals.cp, env, cwd };
  const option = xdsOption(asked, locateAdminApi(asked));
  const run = option === undefined ? 'weft run' : `weft run ${option}`;
  const group = flags.group === undefined ? '' : ` --group ${flags.group}`;
  const [first, ...others] = flags.service;
  const which = others.length === 0 ? '' : ` as one of ${flags.service.join(', ')}`;
  output.say(`join with it${which}: ${run} --token-file FILE -n ${namespace} --service ${first}${group} --port PORT`);
  return 0;
}

/** `weft token list` */
export async function listTokens(context: VerbContext<typeof tokenFlags>): Promise<ExitCode> {
  const api = await readApi(context);
  const tokens = await readItems<TokenReport>(api, '/api/v1/tokens');
  context.output.list('TokenList', tokens, tokenColumns);
  if (tokens.some(({ rootGone, revoked, expired }) => rootGone && !revoked && !expired))
    context.output.say(
      'root is gone: the root was rotated since that token was made; weft token create makes a new one',
    );
  return 0;
}

/** `weft token revoke`: all of them, or the first one that cannot be revoked is told. */
export async function revokeTokens(context: VerbContext<typeof tokenFlags>): Promise<ExitCode> {
  const api = await readApi(context);
  for (const id of context.arguments) {
    await api.delete(`/api/v1/tokens/${encodeURIComponent(id)}`);
    context.output.object('RevokedToken', { id }, context.output.format === 'name' ? [id] : [`token ${id} is revoked`]);
  }
  return 0;
}

function checkedPort(given: string): number {
  try {
    return port(given);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    throw new Failure('WEFT0912', `--port: ${error.message}`, 'as --port 9080');
  }
}

function field(answer: unknown, name: string): unknown {
  return typeof answer === 'object' && answer !== null
    ? (answer as Readonly<Record<string, unknown>>)[name]
    : undefined;
}

function unexpected(name: string): Failure {
  return new Failure('WEFT0911', `the answer of the control plane lacks "${name}"`, 'is it of the same version?');
}
