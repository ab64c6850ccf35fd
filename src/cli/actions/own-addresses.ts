import { setTimeout as sleep } from 'node:timers/promises';
import { createControlPlaneClient } from '../../sidecar/control-plane-client.ts';
import type { SidecarCredential } from '../../sidecar/own-identity.ts';
import type { OwnAddress } from '../../sidecar/run-event.ts';
import type { Joined } from './join.ts';

const limit = 5_000;
const between = 100;

/**
 * The service ports that lead to a workload which has just joined; the control plane needs a moment to know. Empty where none does within
 * five seconds; undefined where the control plane does not say.
 */
export async function ownAddresses(
  { controlPlane }: Joined,
  credential: SidecarCredential,
  nodeId: string,
): Promise<readonly OwnAddress[] | undefined> {
  const client = createControlPlaneClient(controlPlane, credential);
  const end = Date.now() + limit;
  try {
    for (;;) {
      const ports = await client.addresses(nodeId, limit);
      if (ports.length > 0 || Date.now() >= end)
        return ports.map(({ host, port, protocol }) => ({ host, port, protocol }));
      await sleep(between);
    }
  } catch {
    // It is of a time before this question, or is gone again, which is told elsewhere.
    return undefined;
  } finally {
    client.close();
  }
}
