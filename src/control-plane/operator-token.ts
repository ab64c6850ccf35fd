import type { TokenStore } from '../ca/token-store.ts';
import type { StateStore } from '../model/state-store.ts';

/** Where `weft up` leaves the operator's credential, below the state dir (0600); the CLI looks there. */
const operatorTokenKey = 'operator.token';

/** Makes the operator's credential at the first start, and again if its file or its record is gone or revoked: the id of a new one. */
export async function ensureOperatorToken(store: StateStore, tokens: TokenStore): Promise<string | undefined> {
  const present = await store.read(operatorTokenKey);
  if (present) {
    const [id, secret] = new TextDecoder().decode(present).trim().split('.');
    if ('ok' in tokens.check(`${id}.${secret}`)) return undefined;
  }
  const { record, text } = await tokens.create({
    grant: { role: 'operator' },
    createdBy: 'weft',
    label: 'left in the state dir for the CLI',
  });
  await store.write(operatorTokenKey, new TextEncoder().encode(`${text.expose()}\n`));
  return record.id;
}
