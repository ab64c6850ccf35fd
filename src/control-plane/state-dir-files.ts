import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { StateStore } from '../model/state-store.ts';

/** Where the CLI finds this server in the state dir, next to the operator's credential: ports may be chosen by the system or a flag. */
export async function tellAddresses(
  store: StateStore,
  { api, xds, host }: { readonly api: number; readonly xds: number; readonly host: string },
): Promise<void> {
  const reachable = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host;
  await store.write('api-address', new TextEncoder().encode(`http://127.0.0.1:${api}\n`));
  await store.write('xds-address', new TextEncoder().encode(`${reachable}:${xds}\n`));
}

/** Keys and credentials are never one `git add -A` away from being published, wherever the state dir stands. */
export function keepOutOfGit(stateDir: string): void {
  const file = join(stateDir, '.gitignore');
  if (!existsSync(file)) writeFileSync(file, '*\n', { mode: 0o600 });
}
