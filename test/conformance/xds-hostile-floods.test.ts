import { connect, createServer } from 'node:http2';
import { expect, test } from 'vitest';
import { assignment } from '../../bench/support/mesh.ts';
import { handleOf } from '../../src/xds/transport-native-session.ts';
import { proveFlood } from '../support/hostile-flood-proof.ts';
import { anywhere, attack, floods } from '../support/hostile-floods.ts';
import { minimumNode, satisfies } from '../support/hostile-node.ts';
import { promise } from '../support/hostile-promise.ts';
import { proxies, useScenes } from '../support/hostile-scene.ts';

const start = useScenes();

test('T11 abuse of HTTP/2 costs its connection, and others nothing', { timeout: 60_000 }, async () => {
  await proveFlood(await start({ resources: [assignment('churned', 3_000)] }), Object.keys(floods), {
    milliseconds: 700,
    width: 2,
  });
});

test('T11 headers that are refused in the read that ends the connection do not end the process', {
  timeout: 60_000,
}, async () => {
  // Small spaces are collected often: it takes a collection between two events of one turn of the event loop.
  const scene = await start({ nodeArguments: ['--max-semi-space-size=1'] });
  const flood = floods['refused headers'] ?? expect.fail('no such flood');
  await scene.connectProxies();
  await scene.server.ask('litter', {});
  const attacked = attack(scene.port, flood, 4_000, 4, anywhere);
  const { lost } = await scene.watch(attacked);
  const { connections, cut } = await attacked;
  promise(
    'T11',
    `refused headers from everywhere, 4 s: ${connections} connections, ${cut} closed by the server, ${lost} of ${proxies} others lost`,
  );
  expect(cut).toBeGreaterThan(20);
  expect(lost).toBe(0);
});

test('T11 this Node keeps the native half of a session where it is looked for', async () => {
  const server = createServer();
  const session = new Promise<object>((resolve) => server.once('session', resolve));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new TypeError('no port');
  const client = connect(`http://127.0.0.1:${address.port}`);
  expect(handleOf(await session)).toMatchObject({ destroy: expect.any(Function) });
  client.destroy();
  server.close();
});

test('T11 this Node has the corrections of HTTP/2 that the floods need', () => {
  expect(satisfies('20.20.1')).toBe(false);
  expect(satisfies('23.99.0')).toBe(false);
  expect(satisfies('22.22.2')).toBe(true);
  expect(satisfies('26.0.0')).toBe(true);
  expect(satisfies(process.versions.node), `Node ${process.versions.node} is older than ${minimumNode}`).toBe(true);
});
