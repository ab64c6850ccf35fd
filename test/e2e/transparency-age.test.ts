import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { byDefault } from '../../src/model/provenance.ts';
import type { Proxy } from '../../src/model/proxy.ts';
import { resolveInbound } from '../../src/resolve/inbound.ts';
import { createEnvoyAdmin } from '../../src/sidecar/envoy-admin.ts';
import { freePort } from '../../src/sidecar/free-port.ts';
import { type LeashedProcess, spawnLeashed } from '../../src/sidecar/spawn-leashed.ts';
import { translateInbound } from '../../src/translate/translate-inbound.ts';
import { readScene } from '../golden/scene.ts';
import { staticBootstrap } from '../golden/static-bootstrap.ts';
import { envoyPath } from '../support/envoy-path.ts';
import { eventually } from '../support/eventually.ts';
import { openTcp } from '../support/mesh-client.ts';

/** The decided age of 15 minutes is too long for a test: here it is half a second, all the rest is as the control plane makes it. */
const age = 500;
/** Longer than the five seconds after which a connection that drains is closed, where that is not safe. */
const drain = 6_500;
const address = '127.0.0.1';
const application = createServer((_request, response) => response.end('ok'));
let folder = '';
let envoy: LeashedProcess;
let listen = 0;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'weft-age-'));
  const port = await freePort();
  listen = await freePort();
  await new Promise<void>((resolve) => application.listen(port, address, resolve));
  const scene = readScene(`show: { proxy: web-1.shop, inbound: true, resources: [] }
proxies: { web-1.shop: { ports: { ${port}: http } } }
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: { name: default, namespace: shop }
spec: { mtls: { mode: DISABLE } }
`);
  const proxy: Proxy = { ...scene.proxy, inboundBind: address, ports: [{ port, protocol: 'http', inbound: listen }] };
  const inbound = resolveInbound(scene.mesh, proxy).map((one) => {
    expect(one.maxConnectionDuration).toEqual({ value: 900_000, by: { default: 'R17' } });
    return { ...one, maxConnectionDuration: byDefault(age, 'R17') };
  });
  const admin = { kind: 'pipe', path: join(folder, 'admin.sock') } as const;
  const bootstrap = {
    ...staticBootstrap(translateInbound(inbound, proxy)),
    admin: { address: { pipe: { path: admin.path, mode: 0o600 } } },
  };
  await writeFile(join(folder, 'envoy.json'), JSON.stringify(bootstrap));
  const flags = ['-c', join(folder, 'envoy.json'), '--disable-hot-restart', '--concurrency', '1'];
  const log: string[] = [];
  envoy = spawnLeashed(await envoyPath(), flags, (line) => log.push(line));
  const client = createEnvoyAdmin(admin);
  await eventually('Envoy serves', () => client.ready(), 15_000).catch((error: unknown) => {
    throw new Error(log.slice(-20).join('\n'), { cause: error });
  });
});

afterAll(async () => {
  envoy.kill('SIGKILL');
  await envoy.exited;
  application.close();
  await rm(folder, { recursive: true, force: true });
});

test('R17: a connection past its age ends with the answer to its next request, never while its client may be sending one', async () => {
  const socket = await openTcp(address, listen);
  let received = '';
  let ended = false;
  socket.on('data', (chunk: Buffer) => {
    received += chunk.toString('latin1');
  });
  socket.on('end', () => {
    ended = true;
    socket.end();
  });
  const ask = async (count: number) => {
    socket.write('GET / HTTP/1.1\r\nHost: web.shop\r\n\r\n');
    await eventually(`answer ${count}`, () => received.split('200 OK').length - 1 === count);
  };
  await ask(1);
  expect(received.toLowerCase()).not.toContain('connection: close');
  // Idle for longer than it may live, and than Envoy drains it then: nobody closes it meanwhile.
  await new Promise((resolve) => setTimeout(resolve, age + drain));
  expect(ended).toBe(false);
  await ask(2);
  expect(received.toLowerCase().match(/connection: close/g)).toHaveLength(1);
  await eventually('it is closed then', () => ended);
}, 30_000);
