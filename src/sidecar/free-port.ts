import { createServer } from 'node:net';
import { portState } from './port-owner.ts';

/** A port that nobody listens on at this moment, chosen by the system. Rejects when the address is not of this machine. */
export function freePort(address = '127.0.0.1'): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen({ host: address, port: 0, exclusive: true }, () => {
      const bound = probe.address();
      probe.close(() => {
        if (typeof bound === 'object' && bound !== null) resolve(bound.port);
        else reject(new Error(`no port on ${address}`));
      });
    });
  });
}

/** The preferred port if it may exist and is free, else any free one. */
export async function preferredPort(preferred: number, address: string): Promise<number> {
  const possible = preferred > 0 && preferred < 65_536;
  if (possible && (await portState(address, preferred)).kind === 'free') return preferred;
  return freePort(address);
}
