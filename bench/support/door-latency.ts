import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { connect, type TLSSocket } from 'node:tls';
import type { Svid } from '../../src/ca/svid.ts';
import { identitiesOf } from '../../test/support/authorization-caller.ts';
import { startDoorEnvoy } from '../../test/support/authorization-envoy.ts';
import { median } from './figures.ts';
import { called, calledPath, lastCaller, type Workload } from './many-policies.ts';
import { monotonic } from './protocol.ts';

/**
 * Medians in milliseconds of requests to each workload, one after another on one connection with mesh TLS, as the caller of the last policy;
 * through a real Envoy to an application. `rounds` of so many requests to each, in turn.
 */
export async function doorLatencies(
  workloads: readonly Workload[],
  rounds: number,
  requests: number,
): Promise<readonly (readonly number[])[]> {
  const application = createServer((_request, response) => response.end('ok'));
  await new Promise<void>((resolve) => application.listen(0, '127.0.0.1', resolve));
  const { port } = application.address() as AddressInfo;
  const { svids, secrets } = await identitiesOf([lastCaller], called);
  const envoy = await startDoorEnvoy(workloads, secrets, { address: '127.0.0.1', port }, 'application');
  try {
    const callers = await Promise.all(envoy.ports.map((each) => connectAs(svids[0], each)));
    const medians = callers.map((): number[] => []);
    // The first round is for the caches of everybody.
    for (let round = 0; round <= rounds; round += 1) {
      const took = callers.map((): number[] => []);
      // One request to each after the other: whatever else the machine does, it does to all.
      for (let request = 0; request < requests; request += 1)
        for (const [index, caller] of callers.entries()) took[index]?.push(await caller.ask());
      if (round > 0) for (const [index, all] of took.entries()) medians[index]?.push(median(all));
    }
    for (const caller of callers) caller.close();
    return medians;
  } finally {
    await envoy.stop();
    application.close();
    application.closeAllConnections();
  }
}

interface Caller {
  /** Milliseconds until the answer. Rejects unless it is 200. */
  ask(): Promise<number>;
  close(): void;
}

async function connectAs(svid: Svid | undefined, port: number): Promise<Caller> {
  if (svid === undefined) throw new RangeError('nobody calls');
  const socket = await new Promise<TLSSocket>((resolve, reject) => {
    const opened: TLSSocket = connect(
      {
        host: '127.0.0.1',
        port,
        ALPNProtocols: ['weft'],
        rejectUnauthorized: false,
        cert: svid.certificateChain,
        key: svid.privateKey.expose(),
      },
      () => resolve(opened),
    );
    opened.once('error', reject);
  });
  socket.setNoDelay(true);
  let answered: (text: string) => void = () => {};
  socket.on('data', (chunk: Buffer) => answered(chunk.toString('latin1')));
  return {
    ask: () =>
      new Promise((resolve, reject) => {
        const began = monotonic();
        let text = '';
        answered = (more) => {
          text += more;
          if (!/\r\n\r\n.*(?:ok|0\r\n\r\n)$/s.test(text) && !text.startsWith('HTTP/1.1 4')) return;
          if (text.startsWith('HTTP/1.1 200')) resolve(monotonic() - began);
          else reject(new Error(`answered ${text}`));
        };
        socket.write(`GET ${calledPath} HTTP/1.1\r\nhost: catalog\r\n\r\n`);
      }),
    close: () => socket.destroy(),
  };
}
