import { readFileSync } from 'node:fs';
import { Agent } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeEach, expect, test } from 'vitest';
import { type Application, startApplication } from '../support/application.ts';
import { fetchOnce, type LoadTarget, sendRequests } from '../support/load.ts';
import type { Member } from '../support/member.ts';
import { exchange, meshTls, openTcp } from '../support/mesh-client.ts';
import { runVerb } from '../support/run-verb.ts';
import { mutualTlsYaml, serviceYaml, useTestMesh } from '../support/test-mesh.ts';

/** An AuthorizationPolicy over catalog. */
const policy = (name: string, spec: string) => `---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: ${name}, namespace: shop }
spec: { selector: { matchLabels: { app: catalog } }, ${spec} }
`;
const from = (account: string) => `from: [{ source: { principals: [demo.mesh/ns/shop/sa/${account}] } }]`;
const allowFrontend = policy('callers', `rules: [{ ${from('frontend')} }]`);

let catalog: Application;
let server: Member;
let frontend: Member;
let intruder: Member;

const mesh = useTestMesh(
  () => ({
    policies: {
      'mesh.yaml': mutualTlsYaml('STRICT'),
      'catalog.yaml': serviceYaml('catalog'),
      'authz.yaml': allowFrontend,
    },
  }),
  async (started) => {
    const address = started.nextAddress();
    catalog = await startApplication({ address, port: 9080 }, 'catalog');
    server = await started.join({ service: 'catalog', address, ports: [{ port: 9080 }] });
    frontend = await started.join({ service: 'frontend' });
    intruder = await started.join({ service: 'intruder' });
    await started.synced();
  },
);
afterAll(() => catalog?.close());

const enforce = async (text: string | undefined) => {
  await mesh().apply({ 'authz.yaml': text });
};
beforeEach(() => enforce(allowFrontend));

const asCaller = (caller: Member, path = '/'): LoadTarget => ({
  host: caller.address,
  port: mesh().localPort('catalog', 80),
  path,
});
const status = async (caller: Member, path = '/', method = 'GET') =>
  (await fetchOnce({ ...asCaller(caller, path), method })).status;

test('a caller that no rule allows gets 403 and the application hears nothing', async () => {
  const before = catalog.requests();
  expect((await sendRequests(asCaller(intruder), 200)).failures).toEqual({ 403: 200 });
  expect(catalog.requests()).toBe(before);
  expect(await sendRequests(asCaller(frontend), 200)).toMatchObject({ succeeded: 200, failures: {} });
  expect(catalog.requests()).toBe(before + 200);
});

test('an open connection is denied at its next request, and allowed at the next after the revert', async () => {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const sockets = new Set<number>();
  const ask = async () => {
    const { status: code, localPort } = await fetchOnce({ ...asCaller(frontend), agent });
    sockets.add(localPort);
    return code;
  };
  const connections = () => server.stat(`listener.${server.address}_${server.inbound(9080)}.downstream_cx_total`);
  expect(await ask()).toBe(200);
  const opened = await connections();
  const before = catalog.requests();
  const seen: number[] = [];
  for (const account of ['billing', 'frontend', 'billing', 'frontend']) {
    await enforce(policy('callers', `rules: [{ ${from(account)} }]`));
    for (let request = 0; request < 10; request += 1) seen.push(await ask());
  }
  agent.destroy();
  const phase = (code: number) => Array.from({ length: 10 }, () => code);
  expect(seen).toEqual([...phase(403), ...phase(200), ...phase(403), ...phase(200)]);
  expect(catalog.requests()).toBe(before + 20);
  // The caller's connection, and the one between the sidecars, were the same all along.
  expect(sockets.size).toBe(1);
  expect(await connections()).toBe(opened);
});

test('DENY beats ALLOW, and a policy without rules allows nothing', async () => {
  const before = catalog.requests();
  await enforce(allowFrontend + policy('closed', `action: DENY, rules: [{ ${from('frontend')} }]`));
  expect(await status(frontend)).toBe(403);
  await enforce(policy('nothing', 'action: ALLOW'));
  expect(await status(frontend)).toBe(403);
  expect(await status(intruder)).toBe(403);
  expect(catalog.requests()).toBe(before);
  await enforce(policy('everything', 'rules: [{}]'));
  expect(await status(frontend)).toBe(200);
  expect(await status(intruder)).toBe(200);
  // Without any policy nothing is refused (D17).
  await enforce(undefined);
  expect(await status(intruder)).toBe(200);
  expect(catalog.requests()).toBe(before + 3);
});

test('rules look at method and path, and at the whole of it', async () => {
  const readers = `to: [{ operation: { methods: [GET], paths: [/books, "/public/*"] } }]`;
  await enforce(
    policy('callers', `rules: [{ ${from('frontend')}, ${readers} }, { to: [{ operation: { paths: [/health] } }] }]`),
  );
  expect(await status(frontend, '/books')).toBe(200);
  expect(await status(frontend, '/books?page=2')).toBe(200);
  expect(await status(frontend, '/public/a/b')).toBe(200);
  expect(await status(frontend, '/books', 'POST')).toBe(403);
  expect(await status(frontend, '/books/1')).toBe(403);
  expect(await status(frontend, '/public/../secret')).toBe(403);
  expect(await status(intruder, '/books')).toBe(403);
  expect(await status(intruder, '/health', 'POST')).toBe(200);
  await enforce(
    allowFrontend + policy('admin', 'action: DENY, rules: [{ to: [{ operation: { paths: ["/admin*"] } }] }]'),
  );
  expect(await status(frontend, '/admin/users')).toBe(403);
  expect(await status(frontend, '/x/../admin')).toBe(403);
  expect(await status(frontend, '/%61dmin')).toBe(403);
  expect(await status(frontend, '/books')).toBe(200);
});

test('ports of a rule are those of the workload, neither the Service’s nor those of its proxy (P29)', async () => {
  const before = catalog.requests();
  for (const [port, code] of [
    [80, 200],
    [9080, 403],
    [server.inbound(9080), 200],
  ] as const) {
    await enforce(
      allowFrontend + policy('ports', `action: DENY, rules: [{ to: [{ operation: { ports: ["${port}"] } }] }]`),
    );
    for (let request = 0; request < 10; request += 1) expect(await status(frontend), `ports: ${port}`).toBe(code);
  }
  expect(catalog.requests()).toBe(before + 20);
});

test('a host is the same with another case, with a port and as a full name (T15)', async () => {
  const svid = await mesh().certificate('frontend');
  const asked = async (host: string) => {
    const socket = await meshTls({ host: server.address, port: server.inbound(9080) }, svid);
    const { received } = await exchange(socket, `GET / HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`);
    return received.slice(9, 12);
  };
  const answers = async (names: readonly string[]) => [...new Set(await Promise.all(names.map(asked)))];
  const hosts = (values: string) => `rules: [{ to: [{ operation: { hosts: [${values}] } }] }]`;
  const named = ['admin.example', 'Admin.Example', 'admin.example:80', 'ADMIN.example:9080', 'admin.example:'].concat([
    'admin.example.',
    'Admin.example.:80',
  ]);
  const others = ['xadmin.example', 'adminXexample:80', 'admin.example.org', 'admin.example:80.org', 'admin.example..'];
  await enforce(policy('closed', `action: DENY, ${hosts('Admin.example')}`));
  expect(await answers(named)).toEqual(['403']);
  expect(await answers(others)).not.toContain('403');
  await enforce(policy('only', hosts('admin.example')));
  expect(await answers(named)).not.toContain('403');
  expect(await answers(others)).not.toContain('200');
  await enforce(policy('closed', `action: DENY, ${hosts('"*.example", "adm*"')}`));
  expect(await answers([...named, 'x.EXAMPLE:1', '\u00ff.example:80', 'ADMINISTRATION:80'])).not.toContain('200');
  expect(await asked('books.test:80')).toBe('200');
  await enforce(policy('closed', `action: DENY, ${hosts('"admin.example:8080"')}`));
  expect(await answers(['admin.example:8080', 'admin.example.:8080'])).toEqual(['403']);
  await enforce(policy('closed', `action: DENY, ${hosts('admin.example.')}`));
  expect(await answers(named)).toEqual(['403']);
  await enforce(policy('closed', `action: DENY, ${hosts('"admin.example:8080"')}`));
  expect(await asked('admin.example:80')).toBe('200');
});

test('a change under load refuses whom it means and nobody else', async () => {
  const before = catalog.requests();
  const flows = [frontend, intruder].map((caller) => sendRequests(asCaller(caller), 1_000, 8));
  for (let round = 0; round < 5; round += 1) {
    await enforce(allowFrontend + policy(`round-${round}`, `action: DENY, rules: [{ ${from('nobody')} }]`));
  }
  const [allowed, refused] = await Promise.all(flows);
  expect(allowed).toMatchObject({ succeeded: 1_000, failures: {} });
  expect(refused).toMatchObject({ succeeded: 0, failures: { 403: 1_000 } });
  expect(catalog.requests()).toBe(before + 1_000);
});

test('what weft init writes: who shows no certificate is closed out, and whom no policy allows gets 403', async () => {
  const author = { GIT_AUTHOR_NAME: 'Ana', GIT_AUTHOR_EMAIL: 'ana@demo.mesh' };
  const committer = { GIT_COMMITTER_NAME: 'Ana', GIT_COMMITTER_EMAIL: 'ana@demo.mesh' };
  const env = { ...process.env, ...author, ...committer };
  const { code, said } = await runVerb(['init', 'begun'], { cwd: mesh().folder, env });
  expect(code, said).toBe(0);
  const before = catalog.requests();
  const text = readFileSync(join(mesh().folder, 'begun/policies/security.yaml'), 'utf8');
  await mesh().apply({ 'mesh.yaml': text, 'authz.yaml': undefined });
  expect([await status(frontend), await status(intruder)]).toEqual([403, 403]);
  const plaintext = await openTcp(server.address, server.inbound(9080));
  expect((await exchange(plaintext, 'GET / HTTP/1.1\r\nhost: catalog\r\n\r\n')).received).toBe('');
  expect(catalog.requests()).toBe(before);
  // As its comment says.
  await enforce(allowFrontend);
  expect([await status(frontend), await status(intruder)]).toEqual([200, 403]);
  await mesh().apply({ 'mesh.yaml': mutualTlsYaml('STRICT') });
});
