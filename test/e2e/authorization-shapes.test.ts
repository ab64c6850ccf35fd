import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import { type ClientHttp2Session, connect, type IncomingHttpStatusHeader, type OutgoingHttpHeaders } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { afterAll, expect, test } from 'vitest';
import { doorOf } from '../property/authorization-world.ts';
import { askHttp, askHttp2, identitiesOf, startEcho } from '../support/authorization-caller.ts';
import { startDoorEnvoy } from '../support/authorization-envoy.ts';
import { rawHttp } from '../support/raw-http.ts';
import { cases, innocent, leftOpen, modes, type Shape, world } from '../support/request-shapes.ts';

/* Requests in shapes that mean what a rule forbids without being written so, through real Envoys (T15), and forged identities (T16). */

const cleanup: (() => unknown)[] = [];
afterAll(async () => {
  for (const stop of cleanup.splice(0).reverse()) await stop();
});

test('T15 nothing that a rule forbids is reached by writing it otherwise', async () => {
  const { secrets } = await identitiesOf([], 'demo.mesh/ns/shop/sa/reviews');
  const echo = await startEcho();
  cleanup.push(() => echo.close());
  const open = leftOpen.map((each) => ({ ...each, action: 'DENY' }));
  const asked = modes.flatMap((mode) => [...cases, ...open].map((each) => ({ mode, ...each })));
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
    const isOpen = leftOpen.some(({ name }) => name === each.name);
    const status = async ({ target, headers }: Shape) =>
      (await client.ask([`GET ${target} HTTP/1.1`, ...headers])).status;
    for (const shape of each.shapes) {
      const got = await status(shape);
      if (isOpen) {
        // Not hidden: whoever changes this changes what is promised.
        expect(got, `${each.mode} ${shape.target} ${shape.headers}`).toBe(200);
        continue;
      }
      if (each.mode === modes[0]) shapes += 1;
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
  const openWords = leftOpen.map(({ name, shapes }) => `${shapes.length} of ${name} pass an exact rule`).join(', ');
  const counts = `MERGE_SLASHES ${merging.length}, BASE ${base.length}, NONE ${none.length}`;
  console.log(
    `promise T15: ${shapes} shapes of path, host and header through Envoy: 0 pass where paths are decoded and slashes merged; ` +
      `of path shapes pass in ${counts} (WEFT0162 warns). Left open: ${openWords} (another path, another header)`,
  );
}, 120_000);

/** One connection of HTTP/2 after another to a port: the next where the last one has ended. */
function http2Asker(port: number) {
  let session: ClientHttp2Session | undefined;
  return {
    async ask(headers: OutgoingHttpHeaders): Promise<{ readonly status: number; readonly body: string }> {
      if (session === undefined || session.closed || session.destroyed) {
        session = connect(`http://127.0.0.1:${port}`);
        session.on('error', () => undefined);
      }
      const own = session;
      try {
        const stream = own.request({ ':method': 'GET', ':scheme': 'http', ...headers }, { endStream: true });
        const [answer] = await (once(stream, 'response') as Promise<[IncomingHttpHeaders & IncomingHttpStatusHeader]>);
        let body = '';
        for await (const chunk of stream.setEncoding('utf8')) body += chunk;
        return { status: answer[':status'] ?? 0, body };
      } catch {
        own.destroy();
        return { status: 0, body: '' };
      }
    },
    close: () => session?.destroy(),
  };
}

/** A shape in HTTP/2: what stood in the request line stands in `:path`, a Host header also beside another authority. */
function inHttp2({ target, headers }: Shape): readonly OutgoingHttpHeaders[] {
  const [, absolute] = /^http:\/\/([^/]*)\//.exec(target) ?? [];
  const fields: Record<string, string[]> = {};
  for (const line of headers) {
    const name = line.slice(0, line.indexOf(':')).toLowerCase();
    fields[name] = [...(fields[name] ?? []), line.slice(line.indexOf(':') + 1).replace(/^ /, '')];
  }
  const { host: [host = ''] = [], ...others } = fields;
  if (absolute !== undefined) return [{ ':path': '/', ':authority': 'reviews', host: absolute }];
  return [{ ':path': target, ':authority': host, ...others }];
}

test('T15 nor over HTTP/2', async () => {
  const application = createServer(({ headers, url }, response) => {
    response.end(`${headers.host} ${url} ${headers['x-role'] ?? ''}`.toLowerCase());
  }).listen(0, '127.0.0.1');
  await once(application, 'listening');
  cleanup.push(() => application.close());
  const { port } = application.address() as AddressInfo;
  const { secrets } = await identitiesOf([], 'demo.mesh/ns/shop/sa/reviews');
  const doors = cases.map(({ action, rule }) => doorOf(world(modes[0], action, rule), ''));
  const envoy = await startDoorEnvoy(doors, secrets, { address: '127.0.0.1', port }, 'application');
  cleanup.push(envoy.stop);
  const answers: Record<number, number> = {};
  const passed: string[] = [];
  let padded = 0;
  for (const [index, each] of cases.entries()) {
    const client = http2Asker(envoy.ports[index] ?? 0);
    cleanup.push(client.close);
    const right = each.action === 'ALLOW' ? '/public/x' : '/books';
    expect(await client.ask({ ':path': right, ':authority': 'reviews' })).toEqual({
      status: 200,
      body: `reviews ${right} `,
    });
    for (const headers of each.shapes
      .filter(({ headers: [, ...more] }) => more.every((line) => line.includes(':')))
      .flatMap(inHttp2)) {
      const { status, body } = await client.ask(headers);
      answers[status] = (answers[status] ?? 0) + 1;
      // Envoy keeps blanks around a value, which HTTP/2 forbids (RFC 9113, 8.2.1), and an application of HTTP/1 drops them.
      if ([headers['x-role']].flat().some((value) => value !== undefined && String(value).trim() !== value))
        padded += 1;
      // The authority is what counts beside a Host header: the application must read the same.
      const isOther = headers.host !== undefined && body === 'reviews / ';
      if (status === 200 && !isOther) passed.push(`${each.name} ${JSON.stringify(headers)} ${body}`);
    }
    client.close();
  }
  expect(passed).toEqual([]);
  const total = Object.values(answers).reduce((sum, count) => sum + count, 0);
  const counts = Object.entries(answers).map(([status, count]) => `${status}: ${count}`);
  expect(total).toBeGreaterThanOrEqual(200);
  expect(padded).toBeGreaterThan(0);
  console.log(
    `promise T15: ${total} shapes over HTTP/2 (:path, :authority, a Host header beside it, headers, ${padded} with blanks around a value): 0 pass ` +
      `where paths are decoded and slashes merged (${counts.join(', ')}; 200: beside a Host header, the application saw the ` +
      'authority that the rule saw)',
  );
}, 60_000);

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
    [`${admin};Cert="${'A'.repeat(65_536)}"`],
    [''],
  ];
  const names = ['x-forwarded-client-cert', 'X-Forwarded-Client-Cert'];
  let asked = 0;
  for (const svid of [svids[0], undefined])
    for (const [by, value] of [askHttp, askHttp2].flatMap((by) => values.map((value) => [by, value] as const)))
      for (const name of names) {
        const headers = value.map((each) => [name, each] as const);
        const ask = (port: number | undefined) =>
          by(
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
    `promise T16: ${asked} requests with forged client certificate headers (single, several, quoted, 64 KiB) of a meshed and a plaintext caller ` +
      `by HTTP/1 and HTTP/2: the application saw the true URI alone, and no rule let one in`,
  );
}, 60_000);
