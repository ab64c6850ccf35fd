import { once } from 'node:events';
import { type ClientHttp2Session, connect, type IncomingHttpHeaders, type IncomingHttpStatusHeader } from 'node:http2';
import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import { bareCaller } from '../../src/control-plane/offline-proxy.ts';
import { resourcesOf } from '../../src/control-plane/proxy-resources.ts';
import type { Scope } from '../../src/model/ir.ts';
import type { Mesh } from '../../src/model/mesh.ts';
import { byDefault } from '../../src/model/provenance.ts';
import { decode } from '../../src/proto/codec.ts';
import { RouteConfigurationSchema } from '../../src/proto/gen/envoy/config/route/v3/route_pb.ts';
import { message } from '../../src/proto/message.ts';
import { decideCall } from '../../src/resolve/route-decision.ts';
import { scopeOf } from '../../src/resolve/scope.ts';
import { droppedHeaders, joinedHeaders, seenRequest } from '../../src/resolve/seen-request.ts';
import { proxyHostName, proxyName, servicePortName, unknownHostsName } from '../../src/translate/names.ts';
import { routeType } from '../../src/xds/resource-types.ts';
import { type RawHttp, rawHttp } from '../support/raw-http.ts';
import { startRouteEnvoy, tellingRoutes } from '../support/route-envoy.ts';
import { firstRule, type WrittenRequest } from './routes-as-written.ts';
import { type AskedRequest, request } from './routes-requests.ts';
import { meshOf, oneName, rules, type WrittenRule } from './routes-world.ts';

/** Callers that static predicates tell apart (P10). */
const callers = [
  { namespace: 'shop', labels: { version: 'v1' } },
  { namespace: 'shop', labels: { version: 'v2' } },
  { namespace: 'bank', labels: { version: 'v1' } },
];
/** Of which each value stands for itself. */
const singleHeaders = ['x-user', 'cookie', 'x-b3-traceid', 'traceparent', 'accept-language', 'forwarded', 'x-real-ip'];
const isLong = process.env.WEFT_LONG === '1';
const pairs = isLong ? 5_000 : 500;
const requestsEach = 25;
const seed = Number(process.env.WEFT_SEED ?? Math.floor(Math.random() * 2 ** 31));

const cleanup: (() => unknown)[] = [];
afterAll(async () => {
  for (const stop of cleanup.splice(0)) await stop();
});

interface Caller {
  readonly mesh: Mesh;
  readonly scope: Scope;
  readonly who: WrittenRequest['caller'];
}

/** What the evaluator says of a request: the name that `tellingRoutes` gives to the route, or the status of Envoy's own answer. */
function decided(
  { mesh, scope, who }: Caller,
  { authority, ...asked }: AskedRequest,
  written: readonly WrittenRule[],
): string {
  const [host = '', port] = authority.split(':');
  // What is written is taken, though a program would leave port 80 out.
  const headers = [['host', authority] as const, ...asked.headers];
  const called = { host, ...(port === undefined ? {} : { port: Number(port) }) };
  const decision = decideCall(mesh, scope, { ...asked, ...called, headers });
  switch (decision.kind) {
    case 'refused':
      return `${decision.refused}`;
    // Behind the tunnel, the first route, there is one for everything.
    case 'unknown':
      return `${proxyHostName(unknownHostsName)}#1`;
    case 'connection':
      return 'a tunnel';
    case 'request': {
      const { called, route, candidates } = decision;
      const chosen = candidates.filter(({ verdict }) => verdict === 'chosen').map(({ name }) => name);
      // One candidate is chosen, and it is the route.
      if (chosen.join() !== (route?.name ?? '')) return `${route?.name} is not ${chosen.join()}`;
      const { routes, destination } = called.port;
      const taken = route === undefined ? 'none' : ruleOf(route.name);
      const [path = '', ...query] = decision.seen.path.split('?');
      const seen = { ...decision.seen, path, query: query.join('?'), port: called.port.port, caller: who };
      const first = firstRule(written, seen);
      if (first !== taken) return `as it is written, ${first} takes it, and not ${taken}`;
      return route === undefined
        ? '404'
        : `${proxyHostName(servicePortName(destination.ref))}#${routes.indexOf(route) + 1}`;
    }
    default:
      return decision satisfies never;
  }
}

/** The rule that a route is made of: its position, or `service`. */
function ruleOf(name: string): number | 'service' {
  const position = /\[r(\d+)[\].]/.exec(name)?.[1];
  return position === undefined ? 'service' : Number(position);
}

async function answered(client: RawHttp, { method, authority, path, scheme, headers, absolute }: AskedRequest) {
  const target = absolute ? `${scheme}://${authority}${path}` : path;
  const bytes = (text: string) => Buffer.from(text).toString('latin1');
  const { status, body } = await client.ask([
    `${method} ${target} HTTP/1.1`,
    // Beside a whole URL it has no meaning.
    `host: ${absolute ? 'elsewhere' : authority}`,
    ...headers.map(([name, value]) => `${name}: ${bytes(value)}`),
  ]);
  return status === 200 ? body : `${status}`;
}

/** As a request of HTTP/2, which says its scheme. Node's client sends ASCII, and some names once alone. */
function asHttp2(asked: AskedRequest): AskedRequest | undefined {
  const names = asked.headers.map(([name]) => name.toLowerCase());
  const isTwice = (name: string) => names.filter((each) => each === name).length > 1;
  const isSendable =
    names.every((name) => !['user-agent', 'x-forwarded-proto', 'cookie'].includes(name) || !isTwice(name)) &&
    // HTTP/2 has its own way with cookies: what is empty goes.
    asked.headers.every(([name, value]) => /^[ -~]*$/.test(value) && (name !== 'cookie' || value !== ''));
  return isSendable ? { ...asked, scheme: asked.scheme ?? 'http' } : undefined;
}

async function answeredByHttp2(
  session: ClientHttp2Session,
  { method, authority, path, scheme, headers }: AskedRequest,
) {
  const own: Record<string, string | string[]> = {};
  for (const [written, value] of headers) {
    const name = written.toLowerCase();
    own[name] = name in own ? [own[name] ?? '', value].flat() : value;
  }
  const head = { ':method': method, ':authority': authority, ':path': path, ':scheme': scheme };
  const stream = session.request({ ...head, ...own }, { endStream: true });
  const [answer] = (await once(stream, 'response')) as [IncomingHttpHeaders & IncomingHttpStatusHeader];
  let body = '';
  for await (const chunk of stream.setEncoding('utf8')) body += chunk;
  return answer[':status'] === 200 ? body : `${answer[':status']}`;
}

const normalizations = ['BASE', 'NONE', 'MERGE_SLASHES', 'DECODE_AND_MERGE_SLASHES'];

test('P11 P12 the first rule that fits is the one that Envoy takes, for random rules and requests', async () => {
  const started = performance.now();
  const count = pairs / requestsEach;
  const worlds = Array.from({ length: count }, (_, index) => {
    const name = index % 5 === 4 ? `*.w${index}.test` : `s${index}`;
    const [written = []] = fc.sample(rules(oneName(name)), { numRuns: 1, seed: seed + index, unbiased: true });
    return { name, written, seed: seed + index, mesh: index % normalizations.length };
  });
  const meshes = normalizations.map((normalization, index) => {
    const own = worlds.filter(({ mesh }) => mesh === index).map(({ name, written }) => [name, written] as const);
    return meshOf(own, { pathNormalization: { normalization } });
  });
  const callersOf = meshes.flatMap((mesh) =>
    callers.map(({ namespace, labels }) => {
      const client = { ...bareCaller(mesh, namespace), labels };
      return { mesh, client, who: { namespace, labels }, scope: scopeOf(mesh, client) };
    }),
  );
  const listeners = callersOf.map(({ mesh, client }) => {
    const { ir, resources } = resourcesOf(mesh, client);
    const found = resources.find(({ typeUrl, name }) => typeUrl === routeType && name === proxyName);
    if (found === undefined) throw new Error('there are no routes');
    return { terms: ir.view.terms, routes: tellingRoutes(decode(RouteConfigurationSchema, found.value)) };
  });
  const envoy = await startRouteEnvoy(listeners);
  cleanup.push(envoy.stop);
  const clients = envoy.ports.map((port) => rawHttp(port));
  cleanup.push(() => clients.map((client) => client.close()));
  const sessions = envoy.ports.map((port) => connect(`http://127.0.0.1:${port}`));
  cleanup.push(() => sessions.map((session) => session.destroy()));
  let http2 = 0;
  const outcomes = new Map<string, number>();
  const wrong: string[] = [];
  const ask = async (world: (typeof worlds)[number]) => {
    const requests = fc.sample(request(world.name, world.written), {
      numRuns: requestsEach,
      seed: world.seed,
      unbiased: true,
    });
    for (const [position, asked] of requests.entries()) {
      const which = world.mesh * callers.length + (position % callers.length);
      const [caller, client, session] = [callersOf[which], clients[which], sessions[which]];
      if (caller === undefined || client === undefined || session === undefined) throw new RangeError('no caller');
      const second = position % 4 === 3 ? asHttp2(asked) : undefined;
      if (second !== undefined) http2 += 1;
      const expected = decided(caller, second ?? asked, world.written);
      const got = second === undefined ? await answered(client, asked) : await answeredByHttp2(session, second);
      const kind = /^\d+$/.test(got) ? got : got.startsWith(proxyHostName(unknownHostsName)) ? 'unknown' : 'a rule';
      outcomes.set(kind, (outcomes.get(kind) ?? 0) + 1);
      if (got !== expected) wrong.push(JSON.stringify({ ...world, scope: caller.scope, asked, second, expected, got }));
    }
  };
  for (const world of worlds) await ask(world);
  const shown = wrong.slice(0, 3).join('\n');
  expect(wrong.length, `${wrong.length} of ${pairs} differ with WEFT_SEED=${seed}:\n${shown}`).toBe(0);
  // Each way to end has been gone, or the property says nothing.
  for (const kind of ['a rule', '404', 'unknown']) expect(outcomes.get(kind) ?? 0, kind).toBeGreaterThan(pairs / 500);
  const tally = [...outcomes].map(([kind, times]) => `${kind} ${times}`).join(', ');
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(
    `promise P11: ${pairs} requests to ${count} random VirtualServices (${http2} of HTTP/2) from ${callers.length} callers under 4 ways to read paths ` +
      `went where the evaluator says: ${tally}; ${seconds} s, WEFT_SEED=${seed}`,
  );
}, 240_000);

test('P12 what Envoy joins, drops and gives to every request is what the evaluator takes for it', async () => {
  const names = [...joinedHeaders, ...droppedHeaders, ...singleHeaders].filter(
    (name) => name !== 'host' && name !== 'transfer-encoding',
  );
  const matching = (header: string, exact: string) => ({
    match: {
      pathSpecifier: { case: 'prefix' as const, value: '/' },
      headers: [
        {
          name: header,
          headerMatchSpecifier: {
            case: 'stringMatch' as const,
            value: { matchPattern: { case: 'exact' as const, value: exact } },
          },
        },
      ],
    },
  });
  const routes = message(RouteConfigurationSchema, {
    name: 'headers',
    virtualHosts: names.map((name) => ({
      name,
      domains: [name],
      routes: [matching(name, 'a,b'), matching(name, 'b')],
    })),
  });
  const terms = { pathNormalization: byDefault('dots' as const, 'D22'), accessLog: byDefault(undefined, 'D28') };
  const envoy = await startRouteEnvoy([{ terms, routes: tellingRoutes(routes) }]);
  cleanup.push(envoy.stop);
  const [port = 0] = envoy.ports;
  for (const name of names) {
    const client = rawHttp(port);
    const headers = ['a', 'b'].map((value) => [name, value] as const);
    const { status, body } = await client.ask([
      'GET / HTTP/1.1',
      `host: ${name}`,
      ...headers.map(([key, value]) => `${key}: ${value}`),
    ]);
    client.close();
    const seen = seenRequest({ method: 'GET', authority: name, path: '/', headers }, 'dots');
    const values = 'refused' in seen ? [] : (seen.headers.get(name) ?? []);
    const expected = values.includes('a,b') ? `${name}#0` : values.includes('b') ? `${name}#1` : '404';
    expect(status === 200 ? body : `${status}`, name).toBe(expected);
  }
}, 60_000);
