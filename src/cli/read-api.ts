import { Failure } from '../model/failure.ts';
import { type ApiClient, createApiClient } from './api-client.ts';
import { locateAdminApi } from './locate-control-plane.ts';
import type { readFlags } from './read-flags.ts';
import { whileStarting } from './starting-server.ts';
import { operatorToken } from './token-file.ts';
import type { VerbContext } from './verb.ts';

/** What reading needs of a verb's context; every verb with `readFlags` has it. */
export type ReadContext = Pick<VerbContext<typeof readFlags>, 'flags' | 'globals' | 'env' | 'cwd' | 'readInput'>;

/** The API of the control plane that this call of the CLI means, with the credential it was given. */
export async function readApi(context: ReadContext): Promise<ApiClient> {
  const { env, cwd, globals, readInput } = context;
  const token = await operatorToken({ flag: context.flags['token-file'], env, cwd, readInput });
  const asked = { flag: globals.cp, env, cwd };
  const { timeout } = globals;
  const usual = createApiClient({ url: locateAdminApi(asked), token, timeout });
  // Whose address was named may be anybody's: nothing is known of how it starts.
  if (globals.cp !== undefined || (env.WEFT_CP ?? '') !== '') return usual;
  // Where it listens, and the credential of who is on its machine, it leaves in its state dir once it does.
  const client = async () => {
    const left = token ?? (await operatorToken({ flag: undefined, env, cwd, readInput }));
    return createApiClient({ url: locateAdminApi(asked), token: left, timeout });
  };
  return {
    get: (path) => whileStarting(cwd, timeout, async () => (await client()).get(path)),
    post: (path, body) => whileStarting(cwd, timeout, async () => (await client()).post(path, body)),
    delete: (path) => whileStarting(cwd, timeout, async () => (await client()).delete(path)),
  };
}

/** The items of a list of the API. Server and CLI share their types and their version; anything else is WEFT0911. */
export async function readItems<Item>(api: ApiClient, path: string): Promise<readonly Item[]> {
  const answer = await readValue<{ readonly items?: unknown }>(api, path);
  if (Array.isArray(answer.items)) return answer.items as readonly Item[];
  throw new Failure('WEFT0911', `the answer of ${path} has no items`, 'is the control plane of the same version?');
}

/** One object of the API. */
export async function readValue<Value extends object>(api: ApiClient, path: string): Promise<Value> {
  const answer = await api.get(path);
  if (typeof answer === 'object' && answer !== null && !Array.isArray(answer)) return answer as Value;
  throw new Failure('WEFT0911', `the answer of ${path} is no object`, 'is the control plane of the same version?');
}

/** The namespace that was asked for, by `-n` or WEFT_NAMESPACE; undefined: all of them. */
export function askedNamespace(context: Pick<VerbContext, 'globals' | 'env'>): string | undefined {
  const { WEFT_NAMESPACE } = context.env;
  return context.globals.namespace ?? (WEFT_NAMESPACE === '' ? undefined : WEFT_NAMESPACE);
}

/** The same of a list: that WEFT_NAMESPACE leaves out the others is said, as nobody sees it in the command. */
export function listedNamespace(context: Pick<VerbContext, 'globals' | 'env' | 'output'>): string | undefined {
  const namespace = askedNamespace(context);
  if (namespace !== undefined && context.globals.namespace === undefined)
    context.output.say(`only namespace ${namespace}, as WEFT_NAMESPACE says`);
  return namespace;
}
