import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { openAuthority } from '../../src/ca/authority.ts';
import { systemClock } from '../../src/model/state-store.ts';
import type { EdgeRow } from '../../src/model/traffic.ts';
import { openFileStore } from '../../src/store/file-store.ts';
import { eventually } from '../support/eventually.ts';
import type { Member } from '../support/member.ts';
import { exchange, meshTls, openTcp, readUntil } from '../support/mesh-client.ts';
import { runVerb } from '../support/run-verb.ts';
import { mutualTlsYaml, serviceYaml, useTestMesh } from '../support/test-mesh.ts';

/*
 * Who may call a TCP port is told in the handshake, which for the caller's sidecar has ended well by then (TLS 1.3), or at the first
 * bytes: only the callee's side knows that it turned the connection away (decision 10).
 */

const policy = (name: string, spec: string) => `---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: ${name}, namespace: shop }
spec: { selector: { matchLabels: { app: books } }, ${spec} }
`;
const from = (...accounts: readonly string[]) =>
  `from: [{ source: { principals: [${accounts.map((name) => `demo.mesh/ns/shop/sa/${name}`).join(', ')}] } }]`;
const allowed = `rules: [{ ${from('frontend', 'batch')} }]`;
const denied = `action: DENY, rules: [{ ${from('batch')}, to: [{ operation: { ports: ["9102"] } }] }]`;

/** One speaks first, the others answer with what they hear. */
const applicationPorts = [9100, 9101, 9102] as const;
const heard = new Map<number, number>(applicationPorts.map((port) => [port, 0]));
const callers = new Map<string, Member>();
const stops: (() => void)[] = [];
let server: Member;

const mesh = useTestMesh(
  () => ({
    policies: {
      'mesh.yaml': mutualTlsYaml('STRICT'),
      'books.yaml': serviceYaml(
        'books',
        `[${applicationPorts.map((port) => `{ name: tcp-${port}, port: ${port - 8000}, targetPort: ${port} }`).join(', ')}]`,
      ),
      'authorization.yaml': policy('callers', allowed) + policy('closed', denied),
    },
  }),
  async (started) => {
    const address = started.nextAddress();
    for (const port of applicationPorts) {
      const application = createServer((socket) => {
        socket.on('error', () => socket.destroy());
        socket.on('data', ({ length }) => heard.set(port, (heard.get(port) ?? 0) + length));
        if (port === 9100) socket.write('hello\n');
        socket.pipe(socket);
      });
      application.listen(port, address);
      await once(application, 'listening');
      stops.push(() => application.close());
    }
    const ports = applicationPorts.map((port) => ({ port, protocol: 'tcp' as const }));
    server = await started.join({ service: 'books', address, ports });
    for (const service of ['frontend', 'batch', 'intruder']) callers.set(service, await started.join({ service }));
    await started.synced();
  },
);
afterAll(() => {
  for (const stop of stops) stop();
});

const open = (service: string, port: number) =>
  openTcp(callers.get(service)?.address ?? '', mesh().localPort('books', port - 8000));

/** A connection that is let in: its bytes come back. */
async function served(service: string, port: number): Promise<void> {
  const socket = await open(service, port);
  if (port === 9100) expect(await readUntil(socket, 'hello\n')).toBe('hello\n');
  const answer = readUntil(socket, 'hi\n');
  socket.end('hi\n');
  expect(await answer).toBe('hi\n');
}

/** A connection that is turned away: nothing comes, whether the caller speaks or not. */
async function turnedAway(service: string, port: number, text?: string): Promise<void> {
  expect((await exchange(await open(service, port), text)).received).toBe('');
}

const rowsOf = (caller: string): readonly EdgeRow[] =>
  mesh()
    .controlPlane()
    .values.edges(60_000)
    .filter(({ from: name, to }) => name === caller && to === 'books');

test('connections that are turned away are no success of weft edges, in the handshake and at the first bytes', async () => {
  for (let round = 0; round < 3; round += 1) {
    for (const port of applicationPorts) await served('frontend', port);
    await served('batch', 9100);
    await served('batch', 9101);
    await turnedAway('batch', 9102, 'hi\n');
    await turnedAway('intruder', 9100);
    await turnedAway('intruder', 9101, 'hi\n');
  }
  expect(Object.fromEntries(heard)).toEqual({ 9100: 18, 9101: 18, 9102: 9 });
  const counted = { fromNamespace: 'shop', protocol: 'tcp', reporter: 'source' };
  await eventually('all is counted', () => {
    const rows = ['frontend', 'batch', 'intruder'].map((name) => rowsOf(name)[0]);
    return (
      JSON.stringify(rows.map((row) => [row?.reporter, row?.requests, row?.refused])) ===
      '[["source",9,null],["source",9,3],["source",6,6]]'
    );
  });
  expect(rowsOf('frontend')).toEqual([expect.objectContaining({ ...counted, requests: 9, success: 1, mtls: true })]);
  expect(rowsOf('frontend')[0]).not.toHaveProperty('refused');
  expect(rowsOf('batch')).toEqual([
    expect.objectContaining({ ...counted, requests: 9, refused: 3, success: 2 / 3, mtls: true }),
  ]);
  const [intruder, ...more] = rowsOf('intruder');
  expect(more).toEqual([]);
  expect(intruder).toMatchObject({ ...counted, requests: 6, refused: 6, success: 0 });
  expect(intruder).not.toHaveProperty('mtls');

  const { adminPort } = mesh().controlPlane();
  const words = ['edges', '--cp', `http://127.0.0.1:${adminPort}`, '-n', 'shop'];
  const { stdout } = await runVerb(words, { cwd: mesh().folder });
  expect(stdout).toMatch(/^batch +books .* 66\.67% .*tcp {2}refused 3$/m);
  expect(stdout).toMatch(/^intruder +books .* 0\.00% .*tcp {2}refused 6$/m);
  expect(stdout).toMatch(/^frontend +books .* 100\.00% .*tcp$/m);
  const metrics = await (await fetch(`http://127.0.0.1:${adminPort}/metrics/mesh`)).text();
  const closed = (caller: string) =>
    metrics
      .split('\n')
      .filter((line) => line.startsWith('istio_tcp_connections_closed_total{reporter="destination"'))
      .filter((line) => line.includes(`source_workload="${caller}"`))
      .map((line) => [/refused="([^"]*)"/.exec(line)?.[1], line.split(' ').at(-1)]);
  expect(closed('intruder')).toEqual([['caller', '6']]);
  expect(closed('batch')).toHaveLength(2);
  expect(closed('batch')).toEqual(
    expect.arrayContaining([
      ['rule', '3'],
      [undefined, '6'],
    ]),
  );
});

test('who proves nothing in the handshake is outside, whatever its certificate says', async () => {
  // Another authority that calls itself by this mesh's name.
  const store = openFileStore(join(mesh().folder, 'another'));
  const trustDomain = 'demo.mesh';
  const another = await openAuthority({ store, clock: systemClock, trustDomain, allowShortLives: true });
  const stranger = another.issue({ trustDomain, namespace: 'shop', serviceAccount: 'frontend' });
  const to = { host: server.address, port: server.inbound(9101) };
  for (let round = 0; round < 2; round += 1)
    expect((await exchange(await meshTls(to, stranger), 'hi\n')).received).toBe('');
  another.dispose();
  await eventually('they are counted', () => rowsOf('(outside)')[0]?.refused === 2);
  expect(rowsOf('(outside)')).toEqual([expect.objectContaining({ requests: 2, refused: 2, success: 0 })]);
  expect(rowsOf('frontend')).toEqual([expect.objectContaining({ requests: 9, success: 1 })]);
});

/** What a caller that stays silent hears. */
async function greeted(service: string): Promise<void> {
  const socket = await open(service, 9100);
  expect(await readUntil(socket, 'hello\n')).toBe('hello\n');
  socket.destroy();
}
const say = async (verb: 'authz' | 'check', ...words: readonly string[]) => {
  const cp = ['--cp', `http://127.0.0.1:${mesh().controlPlane().adminPort}`];
  return (await runVerb([verb, '-n', 'shop', ...cp, ...words], { cwd: mesh().folder })).stdout;
};

test('a DENY rule that leaves nobody, or only some, acts before the server speaks; another at the first byte, as the windows say', async () => {
  const to = 'to: [{ operation: { ports: ["9100"] } }]';
  const batch = ['--from', 'batch', '--to', 'books:1100'];
  const apply = (spec: string) => mesh().apply({ 'authorization.yaml': policy('shut', spec) });
  await apply(`action: DENY, rules: [{ ${to} }]`);
  await turnedAway('frontend', 9100);
  await turnedAway('batch', 9100);
  expect(await say('authz', ...batch)).toMatch(/× refused \(closed\) by ns\[shop\]-policy\[shut\]-rule\[0\]/);
  expect(await say('check', ...batch)).toMatch(/× authz +closed: refused by/);
  await served('batch', 9101);
  await apply(
    `action: DENY, rules: [{ from: [{ source: { notPrincipals: [demo.mesh/ns/shop/sa/frontend] } }], ${to} }]`,
  );
  await greeted('frontend');
  await turnedAway('batch', 9100);
  await apply(`action: DENY, rules: [{ ${from('batch')}, ${to} }]`);
  await greeted('frontend');
  await greeted('batch');
  expect(await say('authz', ...batch)).toMatch(/× refused \(closed from the first byte on\) by /);
  expect(await say('check', ...batch)).toMatch(/× authz +closed from the first byte on: refused by/);
  // Whoever calls in plaintext is nobody: no chain is there for it.
  await mesh().apply({ 'mesh.yaml': mutualTlsYaml('PERMISSIVE') });
  await apply(`action: DENY, rules: [{ ${to} }]`);
  expect((await exchange(await openTcp(server.address, server.inbound(9100)))).received).toBe('');
}, 60_000);
