import { Failure } from '../model/failure.ts';
import { portState } from '../sidecar/port-owner.ts';

/** WEFT0910 for a port that cannot be had, with the process that has it; other errors stay what they are. */
export async function portFailure(
  error: unknown,
  part: 'xds' | 'admin',
  address: string,
  port: number,
): Promise<unknown> {
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
  if (code !== 'EADDRINUSE' && code !== 'EACCES' && code !== 'EADDRNOTAVAIL') return error;
  const where = `${address}:${port}`;
  const hint = `set ${part}.port in weft.yaml, or --port-base, or stop that process`;
  const state = await portState(address, port);
  if (state.kind === 'refused')
    return new Failure('WEFT0910', `${where} cannot be listened on: ${state.problem}`, hint, where);
  const owner = state.kind === 'used' && state.owner ? ` by pid ${state.owner.pid} (${state.owner.name})` : '';
  return new Failure('WEFT0910', `port ${port} is used${owner}`, hint, where);
}
