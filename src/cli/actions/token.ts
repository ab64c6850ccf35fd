import { Failure } from '../../model/failure.ts';
import { readApi } from '../read-api.ts';
import type { ExitCode, VerbContext } from '../verb.ts';
import type { tokenCreateFlags, tokenFlags } from '../verbs/token.ts';

/** One token as the API shows it, as far as the table needs it; `-o json` prints every key that came. */
interface TokenItem {
  readonly id: string;
  readonly kind: string;
  readonly identity?: string;
  readonly role?: string;
  readonly createdAt: string;
  readonly expires?: string;
  /** Uses that are left; absent: not counted. */
  readonly uses?: number;
  readonly cidrs?: readonly string[];
  readonly createdBy?: string;
  readonly revoked: boolean;
}

/** `weft token create`: the secret alone goes to stdout, so that it can be sent to a file. */
export async function createToken(context: VerbContext<typeof tokenCreateFlags>): Promise<ExitCode> {
  const { flags, output, namespace } = context;
  const api = await readApi(context);
  const account = flags['service-account'];
  const answer = await api.post('/api/v1/tokens', {
    kind: flags.kind,
    service: flags.service,
    namespace,
    ...(account === undefined ? {} : { serviceAccount: account }),
    ...(flags.ttl === undefined ? {} : { ttlSeconds: Math.ceil(flags.ttl / 1000) }),
    ...(flags.uses === undefined ? {} : { uses: flags.uses }),
    ...(flags.cidr.length === 0 ? {} : { cidrs: flags.cidr }),
  });
  const token = field(answer, 'token');
  if (typeof token !== 'string') throw unexpected('token');
  context.makeOutputPrivate();
  output.object('Token', answer as object, [token]);
  const [id, identity, expires] = ['id', 'identity', 'expires'].map((name) => field(answer, name));
  const until = expires === undefined ? 'until it is revoked' : `until ${expires}`;
  output.say(`token ${id} for ${identity ?? flags.service}, ${until}; it is not shown again`);
  output.say(`join with it: weft run --token-file FILE -n ${namespace} --service ${flags.service} --port PORT`);
  return 0;
}

/** `weft token list` */
export async function listTokens(context: VerbContext<typeof tokenFlags>): Promise<ExitCode> {
  const api = await readApi(context);
  const items = field(await api.get('/api/v1/tokens'), 'items');
  if (!Array.isArray(items)) throw unexpected('items');
  context.output.list('TokenList', items.map(itemOf), [
    { title: 'ID', of: (item) => item.id },
    { title: 'KIND', of: (item) => item.kind },
    { title: 'IDENTITY', of: (item) => item.identity ?? item.role ?? '-' },
    { title: 'EXPIRES', of: (item) => (item.revoked ? 'revoked' : (item.expires ?? '-')) },
    { title: 'USES', of: (item) => (item.uses === undefined ? '-' : String(item.uses)) },
    { title: 'FROM', of: (item) => item.cidrs?.join(',') || 'anywhere', wide: true },
    { title: 'CREATED', of: (item) => item.createdAt, wide: true },
    { title: 'BY', of: (item) => item.createdBy ?? '-', wide: true },
  ]);
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

function itemOf(answer: unknown): TokenItem {
  for (const name of ['id', 'kind', 'createdAt']) if (typeof field(answer, name) !== 'string') throw unexpected(name);
  if (typeof field(answer, 'revoked') !== 'boolean') throw unexpected('revoked');
  return answer as TokenItem;
}

function field(answer: unknown, name: string): unknown {
  return typeof answer === 'object' && answer !== null
    ? (answer as Readonly<Record<string, unknown>>)[name]
    : undefined;
}

function unexpected(name: string): Failure {
  return new Failure('WEFT0911', `the answer of the control plane lacks "${name}"`, 'is it of the same version?');
}
