import { connect } from 'node:http2';
import { expect } from 'vitest';
import { deltaPath } from '../../bench/support/discovery-bytes.ts';
import { endpointType } from '../../src/xds/resource-types.ts';
import { breakHeader, callbacks, failuresOf } from './hostile-callbacks.ts';
import { openGrpc } from './hostile-grpc.ts';
import { pause, promise, timeUntil } from './hostile-promise.ts';
import { subscribe } from './hostile-raw.ts';
import { proxies, type Scene } from './hostile-scene.ts';

/** What a client does after its first request, so that each callback gets its turn; and a request that is refused. */
const strange = 'x'.repeat(2_000);

/**
 * F28 and 6.3: every callback fails in every way, `rounds` times each, for one client beside the good proxies. The process lives, and so
 * do their streams; the broken client's own stream ends, and leaves nothing behind.
 */
export async function proveCallbacks(scene: Scene, rounds: number): Promise<void> {
  const { port, account, connectProxies, watch } = scene;
  await connectProxies();
  let tried = 0;
  const stuck = new Set<string>();
  const left = new Set<string>();
  const provoke = async (fault: string): Promise<void> => {
    const session = connect(`http://127.0.0.1:${port}`);
    session.on('error', () => {});
    const stream = openGrpc(session, deltaPath, { [breakHeader]: fault });
    stream.send(subscribe(endpointType, ['probe'], 'broken'));
    const answered = await Promise.race([stream.message(), stream.ended.then(() => undefined), pause(300)]);
    // A NACK, an ACK, a request that is refused, and the end: whatever is told of has its turn.
    if (typeof answered === 'object') stream.refuse(answered, endpointType);
    await pause(60);
    stream.send(subscribe(endpointType, [strange]));
    tried += 1;
    const ended = await Promise.race([stream.ended.then(() => true), pause(1_500).then(() => false)]);
    if (!ended) stuck.add(fault);
    session.destroy();
  };
  const all = callbacks.flatMap((callback) => failuresOf(callback).map((failure) => `${callback}:${failure}`));
  const run = async (): Promise<void> => {
    for (let round = 0; round < rounds; round += 1)
      for (const fault of all) {
        await provoke(fault);
        if ((await timeUntil(async () => (await account()).others === 0, 1_000)) === undefined) left.add(fault);
      }
  };
  const { lost } = await watch(run());
  promise(
    'F28',
    `${tried} faults in ${callbacks.length} callbacks, up to four ways each: ${lost} of ${proxies} other streams lost, 0 exits; ${stuck.size} faults leave their stream open for the client, ${left.size} on the server`,
  );
  expect({ lost, stuck: [...stuck], left: [...left] }).toEqual({ lost: 0, stuck: [], left: [] });
}
