import { Failure } from '../model/failure.ts';
import type { StateStore } from '../model/state-store.ts';
import { trustedRoots } from './root-rotation.ts';
import { type AuthorityState, saveIssuer, saveRootKey, saveState, sweepAuthority } from './root-state-file.ts';

/** Writes what is in force, one change after another. */
export interface StateKeeper {
  /**
   * Runs `change`, which may make keys, and saves what it returns: keys first, then the file that names them. A crash at any point leaves
   * the state before or the state after. Resolves to what was saved. Throws what `change` throws, or Failure WEFT0904.
   */
  save(change: () => AuthorityState | Promise<AuthorityState>): Promise<AuthorityState>;
}

/** `loaded`: what the store holds already. */
export function createStateKeeper(store: StateStore, loaded: AuthorityState | undefined): StateKeeper {
  const written = new Set<string>();
  const partsOf = ({ roots, parts }: AuthorityState) =>
    trustedRoots(roots).flatMap(({ fingerprint }) => parts.get(fingerprint) ?? []);
  for (const { slot, issuer } of loaded ? partsOf(loaded) : []) {
    written.add(slot.fingerprint);
    if (issuer) written.add(issuer.certificate.fingerprint);
  }
  const write = async (state: AuthorityState): Promise<AuthorityState> => {
    for (const root of partsOf(state)) {
      const { slot, issuer } = root;
      if (!written.has(slot.fingerprint)) await saveRootKey(store, root);
      if (issuer && !written.has(issuer.certificate.fingerprint)) await saveIssuer(store, issuer);
    }
    await saveState(store, state);
    written.clear();
    for (const { slot, issuer } of partsOf(state)) {
      written.add(slot.fingerprint);
      if (issuer) written.add(issuer.certificate.fingerprint);
    }
    await sweepAuthority(store, state);
    return state;
  };
  let tail: Promise<unknown> = Promise.resolve();
  return {
    save(change) {
      const run = tail.then(async () => write(await change()));
      tail = run.catch(() => undefined);
      return run;
    },
  };
}

/** The words of what kept the state from being saved. */
export function savingProblem(error: unknown): string {
  return error instanceof Failure ? error.message : 'the state of the CA could not be saved';
}
