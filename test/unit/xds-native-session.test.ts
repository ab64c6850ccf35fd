import { connect, createServer, type Http2Session } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, expect, test } from 'vitest';
import { handleOf, keepNativeSession } from '../../src/xds/transport-native-session.ts';
import { eventually } from '../support/eventually.ts';

setFlagsFromString('--expose-gc');
const collect: () => void = runInNewContext('gc');

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

/** Whether the native half of a session that ends can be collected in the turn in which it ends, and after that turn. */
async function fate(
  keep: (session: Http2Session) => void,
): Promise<{ readonly inTurn: boolean; readonly after: boolean }> {
  const server = createServer();
  let handle: WeakRef<object> | undefined;
  let inTurn: boolean | undefined;
  server.on('session', (session) => {
    const native = handleOf(session);
    if (typeof native !== 'object' || native === null) throw new Error('this Node keeps its native sessions elsewhere');
    handle = new WeakRef(native);
    keep(session);
    session.on('close', () => {
      // Nested, so that the references of the turn itself have been let go: what is left is what somebody keeps.
      process.nextTick(() =>
        queueMicrotask(() =>
          process.nextTick(() => {
            collect();
            inTurn = handle?.deref() === undefined;
          }),
        ),
      );
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const client = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  closers.push(() => {
    client.destroy();
    server.close();
  });
  await new Promise<void>((resolve) => client.once('remoteSettings', () => resolve()));
  client.destroy();
  await eventually('the session ended', () => inTurn !== undefined);
  const after = await eventually('it is collected', () => {
    collect();
    return handle?.deref() === undefined;
  });
  return { inTurn: inTurn === true, after: after === true };
}

test('T11 the native half of a session outlives the turn in which it ends, and no longer', async () => {
  expect(await fate(keepNativeSession)).toEqual({ inTurn: false, after: true });
});

test('T11 without that it would go before its streams do', async () => {
  expect(await fate(() => {})).toEqual({ inTurn: true, after: true });
});
