import { Failure } from '../model/failure.ts';
import { claimName } from './claim-name.ts';
import { portTaken } from './outbound-address.ts';
import { portState } from './port-owner.ts';

/** Where Envoy is to listen, and the flag of `weft run` that names another port. */
export interface WantedPort {
  readonly address: string;
  readonly port: number;
  readonly flag: string;
}

/**
 * Keeps ports for the Envoy that is about to listen there: of two sidecars that start together one goes on, and the other has spent no token
 * for nothing. Envoy itself would wait for a port, and not say for whom. Answers with what lets them go. Throws Failure WEFT0910.
 */
export async function claimPorts(wanted: readonly WantedPort[]): Promise<() => void> {
  const held: (() => void)[] = [];
  const release = (): void => {
    for (const drop of held) drop();
  };
  try {
    for (const { address, port, flag } of wanted) {
      const drop = await claimName(`port/${address}/${port}`);
      if (drop === undefined)
        throw new Failure(
          'WEFT0910',
          `another weft run has port ${port}`,
          `choose another with ${flag}, or stop that one`,
          `${address}:${port}`,
        );
      held.push(drop);
      const state = await portState(address, port);
      if (state.kind !== 'free') throw portTaken(address, port, state, flag);
    }
  } catch (error) {
    release();
    throw error;
  }
  return release;
}
