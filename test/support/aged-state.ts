import { mkdirSync } from 'node:fs';
import { openAuthority } from '../../src/ca/authority.ts';
import { openTokenStore } from '../../src/ca/token-store.ts';
import { openFileStore } from '../../src/store/file-store.ts';
import { createJumpingClock } from './jumping-clock.ts';

const day = 86_400_000;
/** How long a root lives that Weft makes. */
const rootLife = 3_652 * day;

/**
 * A state dir whose root was made so long ago that it ends in `endsIn` milliseconds, or has ended where that is negative; nobody has
 * started a control plane on it since. Answers with the text of a credential of that day, for `service` of namespace shop, without an end.
 */
export async function agedState(stateDir: string, endsIn: number, service: string): Promise<string> {
  mkdirSync(stateDir, { mode: 0o700 });
  const store = openFileStore(stateDir);
  const clock = createJumpingClock(Date.now() + endsIn - rootLife);
  const authority = await openAuthority({ store, clock, trustDomain: 'demo.mesh' });
  const tokens = await openTokenStore({ store, clock, fingerprint: authority.info().root.fingerprint });
  const of = { namespace: 'shop', services: [service] } as const;
  const grant = { role: 'workload', ...of, addresses: ['127.0.0.0/8'], ports: [] } as const;
  const { text } = await tokens.create({ grant, createdBy: 'test' });
  tokens.dispose();
  authority.dispose();
  return text.expose();
}
