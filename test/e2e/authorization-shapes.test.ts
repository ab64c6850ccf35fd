import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import { afterAll, expect, test } from 'vitest';
import { doorOf, type World } from '../property/authorization-world.ts';
import { askHttp, identitiesOf, startEcho } from '../support/authorization-caller.ts';
import { startDoorEnvoy } from '../support/authorization-envoy.ts';
import { rawHttp } from '../support/raw-http.ts';

/* Requests in shapes that mean what a rule forbids without being written so, through real Envoys (T15), and forged identities (T16). */

const cleanup: (() => unknown)[] = [];
afterAll(async () => {
  for (const stop of cleanup.splice(0).reverse()) await stop();
});

const modes = ['DECODE_AND_MERGE_SLASHES', 'MERGE_SLASHES', 'BASE', 'NONE'] as const;
const world = (normalization: World['normalization'], action: string, rule: object): World => ({
  protocol: 'http',
  port: 80,
  mode: 'PERMISSIVE',
  normalization,
  tokens: [],
  policies: [{ action, dryRun: false, namespace: 'shop', rules: [rule] }],
});
const to = (operation: object) => ({ to: [{ operation }] });

/** A request line's target, and headers as they go over the wire. */
interface Shape {
  readonly target: string;
  readonly headers: readonly string[];
}
const path = (target: string): Shape => ({ target, headers: ['host: reviews'] });

const ways = [
  '/',
  '//',
  '/./',
  '/x/../',
  '/%2e/',
  '/x/%2e%2e/',
  '/x\\..\\',
  '/%2f',
  '/x/..%2F',
  '/x%5c..%5C',
  '/x/..;/',
];
const words = ['admin', '%61dmin', 'a%64mi%6E'];
const ends = ['', '/', '/users', '%2Fusers', '?q=1'];
const forbiddenPaths = ways.flatMap((way) => words.flatMap((word) => ends.map((end) => path(`${way}${word}${end}`))));

const outs = ['/../', '/%2e%2e/', '/..%2f', '%2f..%2F', '/..\\', '/..;/', '%5C..%5c', '/x/../../', '/./../', '/%2E./'];
const leftPaths = outs.map((out) => path(`/public${out}secret`));

const hosts = ['admin.example', 'ADMIN.example', 'Admin.Example'].flatMap((name) =>
  ['', ':80', ':9080', ':', '.', '.:80'].flatMap((end): readonly Shape[] => [
    { target: '/', headers: [`host: ${name}${end}`] },
    { target: `http://${name}${end}/`, headers: ['host: reviews'] },
  ]),
);
const roles: readonly Shape[] = [
  ['x-role: admin'],
  ['X-Role: admin'],
  ['X-ROLE:admin'],
  ['x-role:   admin  '],
  ['x-role: \tadmin\t'],
  ['x-role: user', 'x-role: admin'],
  ['x-role: admin', 'x-role: user'],
  ['x-role: admin', 'X-Role: admin'],
  ['x-role: ', 'x-role: admin'],
  ['x-role: \xff', 'x-role: admin'],
  ['x-role: user', 'x-other: y', 'x-role: admin'],
  ['x-role:', ' admin'],
].map((headers) => ({ target: '/', headers: ['host: reviews', ...headers] }));

const innocent = ['/books', '/adm', '/x/admin', '/ADMIN', '/public', '/%2561dmin'].map(path);

test('T15 nothing that a rule forbids is reached by writing it otherwise', async () => {
  const cases = [
    { name: 'DENY path', shapes: forbiddenPaths, action: 'DENY', rule: to({ paths: ['/admin*'] }) },
    { name: 'ALLOW path', shapes: leftPaths, action: 'ALLOW', rule: to({ paths: ['/public*'] }) },
    { name: 'DENY host', shapes: hosts, action: 'DENY', rule: to({ hosts: ['admin.example'] }) },
    {
      name: 'DENY header',
      shapes: roles,
      action: 'DENY',
      rule: { when: [{ key: 'request.headers[x-role]', values: ['admin'] }] },
    },
  ] as const;
  const { secrets } = await identitiesOf([], 'demo.mesh/ns/shop/sa/reviews');
  const echo = await startEcho();
  cleanup.push(() => echo.close());
  const asked = modes.flatMap((mode) => cases.map((each) => ({ mode, ...each })));
  const envoy = await startDoorEnvoy(
    asked.map(({ mode, action, rule }) => doorOf(world(mode, action, rule), '')),
    secrets,
    echo,
  );
  cleanup.push(envoy.stop);
  const passed = new Map<string, string[]>(modes.map((mode) => [mode, []]));
  let shapes = 0;
  for (const [index, each] of asked.entries()) {
    const client = rawHttp(envoy.ports[index] ?? 0);
    const status = async ({ target, headers }: Shape) =>
      (await client.ask([`GET ${target} HTTP/1.1`, ...headers])).status;
    for (const shape of each.shapes) {
      if (each.mode === modes[0]) shapes += 1;
      const got = await status(shape);
      if (got === 200) passed.get(each.mode)?.push(`${each.name} ${shape.target} ${shape.headers.join(', ')}`);
      else expect([400, 403], `${each.mode} ${shape.target} ${shape.headers}`).toContain(got);
    }
    if (each.name === 'DENY path') for (const shape of innocent) expect(await status(shape), shape.target).toBe(200);
    client.close();
  }
  expect(shapes).toBeGreaterThanOrEqual(200);
  const [decoding = [], merging = [], base = [], none = []] = modes.map((mode) => passed.get(mode));
  expect(decoding).toEqual([]);
  // What WEFT0162 warns of: the other modes leave escaped slashes, or more, as they are written.
  for (const [mode, left] of [
    ['MERGE_SLASHES', merging],
    ['BASE', base],
  ] as const)
    for (const shape of left) expect(shape, mode).toMatch(/%2f|%5c|\/\//i);
  expect([...base, ...merging, ...none].filter((shape) => !shape.includes('path'))).toEqual([]);
  const counts = `MERGE_SLASHES ${merging.length}, BASE ${base.length}, NONE ${none.length}`;
  console.log(
    `promise T15: ${shapes} shapes of path, host and header through Envoy: 0 pass where paths are decoded and slashes merged; ` +
      `of path shapes pass in ${counts} (WEFT0162 warns)`,
  );
}, 120_000);

test('T16 a forged client certificate header reaches neither the application nor a rule', async () => {
  const seen: IncomingHttpHeaders[] = [];
  const application = createServer((request, response) => {
    seen.push(request.headers);
    response.end('heard');
  }).listen(0, '127.0.0.1');
  await once(application, 'listening');
  cleanup.push(() => application.close());
  const address = application.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const caller = 'demo.mesh/ns/shop/sa/web';
  const { svids, secrets } = await identitiesOf([caller], 'demo.mesh/ns/shop/sa/reviews');
  const rules = [
    { action: 'DENY', rule: { from: [{ source: { principals: ['demo.mesh/ns/shop/sa/nobody'] } }] } },
    { action: 'ALLOW', rule: { from: [{ source: { principals: ['demo.mesh/ns/shop/sa/admin'] } }] } },
  ];
  const doors = rules.map(({ action, rule }) => doorOf(world('BASE', action, rule), ''));
  const envoy = await startDoorEnvoy(doors, secrets, { address: '127.0.0.1', port: address.port }, 'application');
  cleanup.push(envoy.stop);
  const admin = 'URI=spiffe://demo.mesh/ns/shop/sa/admin';
  const values = [
    [admin],
    [`By=spiffe://demo.mesh/ns/shop/sa/reviews;Hash=00;${admin}`],
    [admin, admin],
    [`${admin},${admin}`],
    [`URI="spiffe://demo.mesh/ns/shop/sa/admin"`],
    [`Subject="CN=\\"a,b\\"";${admin}`],
    [`${admin};Cert="${'A'.repeat(60_000)}"`],
    [''],
  ];
  const names = ['x-forwarded-client-cert', 'X-Forwarded-Client-Cert'];
  let asked = 0;
  for (const svid of [svids[0], undefined])
    for (const value of values)
      for (const name of names) {
        const headers = value.map((each) => [name, each] as const);
        const ask = (port: number | undefined) =>
          askHttp(
            { port: port ?? 0, source: '127.0.0.1', destination: '127.0.0.1', ...(svid && { svid }) },
            { method: 'GET', authority: 'reviews', path: '/', headers },
          );
        const before = seen.length;
        expect(await ask(envoy.ports[0])).toMatch(/^200/);
        const told = seen[before]?.['x-forwarded-client-cert'];
        const uris = [...String(told ?? '').matchAll(/URI=([^;,]*)/g)].map(([, uri]) => uri);
        expect(uris).toEqual(svid === undefined ? [] : [`spiffe://${caller}`]);
        expect(String(told ?? '')).not.toContain('sa/admin');
        expect(await ask(envoy.ports[1])).toMatch(/^403/);
        asked += 2;
      }
  console.log(
    `promise T16: ${asked} requests with forged client certificate headers (single, several, quoted, 60 KiB) of a meshed and a plaintext caller: ` +
      'the application saw the true URI alone, and no rule let one in',
  );
}, 60_000);
