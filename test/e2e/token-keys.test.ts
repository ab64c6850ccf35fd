import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { createServer as createTlsServer, get as getSecurely, type Server as TlsServer } from 'node:https';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, expect, test } from 'vitest';
import { type Application, startApplication } from '../support/application.ts';
import { startCanary } from '../support/canary.ts';
import { type DnsServer, resolvesBy, startDnsServer } from '../support/dns-server.ts';
import { eventually } from '../support/eventually.ts';
import { isLong, promise } from '../support/hostile-promise.ts';
import { claimsOf, issuerKey, keySet, signedToken } from '../support/json-web-token.ts';
import { fetchOnce } from '../support/load.ts';
import type { Member } from '../support/member.ts';
import { type RawHttp, rawHttp } from '../support/raw-http.ts';
import { selfSigned } from '../support/self-signed.ts';
import { mutualTlsYaml, nextAddress, serviceYaml, useTestMesh } from '../support/test-mesh.ts';

/*
 * Where a real Envoy has the keys of tokens from (T23): a service of the mesh, a host outside that proves to be itself, and nobody else. Whatever
 * is in the way, no token is taken; requests without one pass (P49).
 */

const folder = mkdtempSync(join(tmpdir(), 'weft-token-keys-'));
const [address, inside, resolver] = [nextAddress(), nextAddress(), nextAddress()];
const issuer = 'https://accounts.example';
const [key, stranger] = [issuerKey('a'), issuerKey('a')];
const good = () => signedToken(key, claimsOf(issuer, { aud: 'shop' }));

/** Believed as a root of the system, of a private authority, by nobody. */
const [system, partner, unknown] = ['accounts.test', 'partner.test', 'accounts.test'].map(selfSigned);

let answer: (response: ServerResponse) => void | Promise<void>;
const published = (response: ServerResponse) => void response.end(keySet(key));

let keys: Application;
let catalog: Application;
let server: Member;
let http: RawHttp;
let names: DnsServer;
/** Where the name server says that accounts.test is; of every other name it says that it is the address inside. */
let accounts = address;
/** Servers over TLS, and the requests that each of them heard. */
const outside: TlsServer[] = [];
const heard = { system: 0, partner: 0, unknown: 0 };
const ports = { system: 0, partner: 0, unknown: 0 };

async function serve(name: keyof typeof heard, own: { certificate: string; key: string } | undefined) {
  if (own === undefined) throw new Error('no certificate');
  const tls = createTlsServer({ cert: own.certificate, key: own.key }, (_request, response) => {
    heard[name] += 1;
    void answer(response);
  });
  tls.on('tlsClientError', () => undefined);
  outside.push(tls);
  await new Promise<void>((resolve) => tls.listen(0, address, resolve));
  const { port } = tls.address() as AddressInfo;
  ports[name] = port;
}

const mesh = useTestMesh(
  () => {
    writeFileSync(join(folder, 'system.pem'), system?.certificate ?? '');
    writeFileSync(join(folder, 'partner.pem'), partner?.certificate ?? '');
    return {
      policies: {
        'mesh.yaml': mutualTlsYaml('STRICT'),
        'catalog.yaml': serviceYaml('catalog'),
        'keys.yaml': serviceYaml('keys'),
      },
      settings: { 'secrets.systemRoots': join(folder, 'system.pem') },
    };
  },
  async (started) => {
    names = await startDnsServer(
      resolver,
      (name) => (name.endsWith('canary.test') ? inside : name.endsWith('.test') ? accounts : undefined),
      1,
    );
    await serve('system', system);
    await serve('partner', partner);
    await serve('unknown', unknown);
    const own = started.nextAddress();
    catalog = await startApplication({ address: own, port: 9080 }, 'catalog');
    server = await started.join({
      service: 'catalog',
      address: own,
      ports: [{ port: 9080 }],
      envoyFlags: resolvesBy(resolver, names),
    });
    const keysAddress = started.nextAddress();
    keys = await startApplication({ address: keysAddress, port: 9080 }, 'keys', (_request, response) =>
      answer(response),
    );
    await started.join({ service: 'keys', address: keysAddress, ports: [{ port: 9080 }] });
    // Whoever has no certificate is let in to the catalog alone.
    await started.apply({
      'plain.yaml': `---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: { name: plain, namespace: shop }
spec: { selector: { matchLabels: { app: catalog } }, mtls: { mode: PERMISSIVE } }
`,
      'partner.yaml': `---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: partner, namespace: shop }
spec:
  hosts: [partner.test]
  ports: [{ number: 443, name: https, protocol: HTTPS }]
  resolution: STATIC
  endpoints: [{ address: ${address}, ports: { https: ${ports.partner} } }]
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: partner, namespace: shop }
spec: { host: partner.test, trafficPolicy: { tls: { mode: SIMPLE, caCertificates: ${folder}/partner.pem } } }
`,
    });
    http = rawHttp(0, () => connect(server.inbound(9080), own));
  },
);
afterAll(async () => {
  http.close();
  names.close();
  for (const tls of outside) tls.close();
  await Promise.all([catalog.close(), keys.close()]);
  rmSync(folder, { recursive: true, force: true });
});

let rules = 0;
/** A rule of its own, so that what was fetched for another one counts for nothing. */
const rule = (uri: string, of = issuer) => {
  rules += 1;
  return `{ issuer: "${of}", jwksUri: "${uri}", timeout: 1s, audiences: [shop, "${rules}"] }`;
};
const authentication = (...all: readonly string[]) => `---
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: { name: tokens, namespace: shop }
spec: { selector: { matchLabels: { app: catalog } }, jwtRules: [${all.join(', ')}] }
`;
const apply = (...all: readonly string[]) => mesh().apply({ 'tokens.yaml': authentication(...all) });
const ask = (headers: readonly string[]) => http.ask(['GET / HTTP/1.1', 'host: catalog', ...headers]);
const withToken = async (token = good()) => {
  const { status, body } = await ask([`authorization: Bearer ${token}`]);
  return [status, status === 200 ? '' : body];
};
const failed = [401, 'Jwks remote fetch is failed'];

beforeEach(() => {
  answer = published;
});

test('keys of a service are fetched as the workload calls it, once for many tokens', async () => {
  await apply(rule('http://keys/jwks.json'));
  const before = keys.requests();
  // Requests without a token ask for none.
  expect((await ask([])).status).toBe(200);
  expect(keys.requests()).toBe(before);
  for (let request = 0; request < 20; request += 1) expect(await withToken()).toEqual([200, '']);
  expect(await withToken(signedToken(stranger, claimsOf(issuer, { aud: 'shop' })))).toEqual([
    401,
    'Jwt verification fails',
  ]);
  expect(keys.requests()).toBe(before + 1);
  expect(keys.lastHeaders()['x-forwarded-client-cert']).toContain('spiffe://demo.mesh/ns/shop/sa/catalog');
});

test('keys from outside come from whoever proves to be the host', async () => {
  const asked: readonly [uri: string, outcome: readonly (string | number)[]][] = [
    [`https://accounts.test:${ports.system}/keys`, [200, '']],
    // The same name, another server: nobody whom the system believes says that it is the host.
    [`https://accounts.test:${ports.unknown}/keys`, failed],
    // A server that is believed, under a name that is not its own.
    [`https://other.test:${ports.system}/keys`, failed],
    // A ServiceEntry comes by the TLS of its DestinationRule, and its own authority.
    ['https://partner.test/keys', [200, '']],
  ];
  await apply(...asked.map(([uri], index) => rule(uri, `https://${index}.example`)));
  for (const [index, [uri, outcome]] of asked.entries()) {
    const token = signedToken(key, claimsOf(`https://${index}.example`, { aud: 'shop' }));
    expect([uri, await withToken(token)]).toEqual([uri, outcome]);
  }
  expect(heard).toEqual({ system: 1, partner: 1, unknown: 0 });
});

test.each<[name: string, wrong: typeof answer]>([
  ['an error', (response) => void response.writeHead(500).end(keySet(key))],
  ['another place', (response) => void response.writeHead(302, { location: 'http://keys/other' }).end()],
  ['no JSON', (response) => void response.end('nonsense')],
  ['no keys', (response) => void response.end('{"keys":[]}')],
  ['silence', () => new Promise(() => undefined)],
  ['an end without an answer', (response) => void response.destroy()],
])('keys that cannot be had take no token, and their return takes them again: %s', async (_name, wrong) => {
  answer = wrong;
  const uri = 'http://keys/jwks.json';
  await apply(rule(uri));
  for (let request = 0; request < 3; request += 1) expect((await withToken())[0]).toBe(401);
  expect((await ask([])).status).toBe(200);
  answer = published;
  expect(await withToken()).toEqual([200, '']);
});

test('T23: no address that a policy can write is asked for keys, and no token is taken while nobody has them', async () => {
  if (unknown === undefined) throw new Error('no certificate');
  // At the port of a server that is believed, so that a name may lead from one to the other.
  const { system: port } = ports;
  const canary = await startCanary({ address: inside, port }, unknown, published);
  // It hears whoever calls it, in both ways.
  expect((await fetchOnce({ host: inside, port })).status).toBe(200);
  await new Promise<void>((resolve, reject) => {
    const trust = { ca: unknown.certificate, servername: 'accounts.test' };
    getSecurely({ host: inside, port, agent: false, ...trust }, (response) => resolve(void response.resume())).on(
      'error',
      reject,
    );
  });
  expect([canary.connections(), canary.requests()]).toEqual([2, 2]);
  const [a = 0, b = 0, c = 0, d = 0] = inside.split('.').map(Number);
  const whole = ((a * 256 + b) * 256 + c) * 256 + d;
  const hex = (value: number) => `0x${value.toString(16)}`;
  const octal = (value: number) => `0${value.toString(8)}`;
  const mapped = `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
  const forms = [
    inside,
    `${whole}`,
    hex(whole),
    octal(whole),
    [a, b, c, d].map(hex).join('.'),
    [a, b, c, d].map(octal).join('.'),
    `${a}.${b}.${c * 256 + d}`,
    `${a}.${(b * 256 + c) * 256 + d}`,
    `${hex(a)}.${b}.${c}.${octal(d)}`,
    `${inside}.`,
    `[::ffff:${inside}]`,
    `[::ffff:${mapped}]`,
    `[0:0:0:0:0:ffff:${mapped}]`,
    'localhost',
    'LOCALHOST.',
    'a.localhost',
  ];
  const named = ['canary.test', 'CANARY.test', 'canary.test.', '169-254-169-254.canary.test'];
  const urls = [...forms, ...named].flatMap((host) => [`http://${host}:${port}/keys`, `https://${host}:${port}/keys`]);
  const before = await server.stat('http.in_9080.jwt_authn.allowed');
  const passing: string[] = [];
  for (const url of urls) {
    await mesh().commit({ 'tokens.yaml': authentication(rule(url)) });
    const { head, diagnostics } = mesh().controlPlane().policies.get();
    if (head?.state === 'Applied') passing.push(url);
    else {
      const errors = diagnostics.filter(({ severity }) => severity === 'error');
      expect(errors.map(({ code, field }) => `${code} ${field}`)).toEqual(['WEFT0004 spec.jwtRules[0].jwksUri']);
    }
  }
  let [tokens, taken] = [0, 0];
  const judge = async (...asked: readonly string[]) => {
    const issuers = asked.map((_, index) => `https://issuer-${index}.example`);
    await apply(...asked.map((url, index) => rule(url, issuers[index])));
    for (const each of issuers) {
      tokens += 1;
      if ((await withToken(signedToken(key, claimsOf(each, { aud: 'shop' }))))[0] === 200) taken += 1;
    }
  };
  await judge(...passing);
  // Over https the names led there, and nothing was said to a server that cannot prove to have one of them.
  const byName = canary.connections() - 2;
  expect(byName).toBeGreaterThan(0);
  // A name that proved itself a moment ago, and leads inside now (rebinding): the same server name, the same port.
  const accountsUri = `https://accounts.test:${port}/keys`;
  await apply(rule(accountsUri));
  expect(await withToken()).toEqual([200, '']);
  accounts = inside;
  let answered = 1;
  await eventually('the name leads to the address inside', async () => {
    // Keys that it has are good for five minutes: each rule has to have its own.
    await apply(rule(accountsUri));
    const [status] = await withToken();
    if (status === 200) answered += 1;
    return status === 401 && canary.connections() > 2 + byName;
  });
  const rebound = canary.connections() - 2 - byName;
  accounts = address;
  // The servers of before, down.
  answer = (response) => void response.writeHead(503).end();
  const known = ['http://keys/jwks.json', accountsUri, 'https://partner.test/keys'];
  for (let round = 0; round < (isLong ? 20 : 1); round += 1) await judge(...known);
  const reached = canary.requests() - 2;
  canary.close();
  const refused = urls.length - passing.length;
  expect({ urls: urls.length, refused, reached, taken }).toEqual({ urls: 40, refused: 32, reached: 0, taken: 0 });
  // Those by the keys of accounts.test, before its name led elsewhere.
  expect((await server.stat('http.in_9080.jwt_authn.allowed')) - before).toBe(answered);
  promise(
    'T23',
    `${urls.length} URLs of one address, ${refused} refused with their line, a name that leads there later, too: ${byName + rebound} connections over TLS, ${reached} requests heard; ${tokens} tokens while nobody had the keys: ${taken} taken`,
  );
});
