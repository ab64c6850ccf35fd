import type { IncomingMessage, ServerResponse } from 'node:http';
import { afterAll, describe, expect, test } from 'vitest';
import { startApplication } from '../support/application.ts';
import { eventually } from '../support/eventually.ts';
import { type HealthService, startHealthService } from '../support/grpc-health-service.ts';
import { createHeldRequests } from '../support/held-requests.ts';
import { fetchOnce, sendRequests } from '../support/load.ts';
import { useRuleMesh } from '../support/rule-mesh.ts';
import { runVerb } from '../support/run-verb.ts';
import { nextAddress, serviceYaml } from '../support/test-mesh.ts';

// How the second instance answers; the first is always well.
const first = { status: 200, healthy: true, badForClient: 0 };
const second = { ...first };
/** What each instance was asked for health, and by whom. */
const checked: { instance: string; caller: string }[] = [];
const { hold, held, holding } = createHeldRequests();

const rule = (trafficPolicy: string) => `---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: pair, namespace: shop }
spec: { host: pair, trafficPolicy: ${trafficPolicy} }
`;
const check = (host: string, probe: string) => `---
apiVersion: weft.dev/v1alpha1
kind: HealthCheck
metadata: { name: ${host}, namespace: shop }
spec: { host: ${host}, interval: 100ms, timeout: 2s, unhealthyAfter: 2, healthyAfter: 1, ${probe} }
`;

const answering =
  (instance: string, own: typeof first) => async (request: IncomingMessage, response: ServerResponse) => {
    if (request.url === '/healthz') {
      const caller = String(request.headers['x-forwarded-client-cert']);
      checked.push({ instance, caller });
      const isBad = caller.endsWith('/sa/frontend') && own.badForClient > 0;
      if (isBad) own.badForClient -= 1;
      response.statusCode = own.healthy && !isBad ? 204 : 500;
    } else if (request.url === '/hold') await hold();
    else response.statusCode = own.status;
  };

let grpc: HealthService;
/** A program without a sidecar. */
const bareAddress = nextAddress();
const { mesh, client, at } = useRuleMesh({
  policies: {
    'speller.yaml': serviceYaml('speller', '[{ name: grpc, port: 80, targetPort: 9080 }]'),
    'bare.yaml': `${serviceYaml('bare')}---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: bare, namespace: shop, labels: { app: bare } }
spec: { address: ${bareAddress} }
`,
  },
  services: { pair: ['v1', 'v2'] },
  answers: { 'pair-v1': answering('v1', first), 'pair-v2': answering('v2', second) },
  prepare: async (started) => {
    const address = started.nextAddress();
    grpc = await startHealthService({ address, port: 9080 });
    await started.join({ service: 'speller', address, ports: [{ port: 9080, protocol: 'grpc' }] });
  },
});
afterAll(() => grpc.close());

const stat = (name: string, service = 'pair') => client().stat(`cluster.out_shop_${service}_80.${name}`);
const to = (path = '/') => at('pair', path);
const ejected = () => stat('outlier_detection.ejections_active');

/** Applies a rule and waits until the new cluster has both endpoints and none is out. */
async function applyRule(trafficPolicy: string): Promise<void> {
  await mesh().apply({ 'pair.yaml': rule(trafficPolicy) });
  await eventually(
    'both endpoints are in',
    async () => (await stat('membership_healthy')) === 2 && (await ejected()) === 0,
  );
}

/** The second endpoint answers so until it is out. */
async function untilEjected(status: number): Promise<void> {
  second.status = status;
  await eventually('the second endpoint is out', async () => {
    await sendRequests(to(), 20, 4);
    return (await ejected()) === 1;
  });
  second.status = 200;
}

/** Sends until an endpoint is out, then shows that nobody reaches it any more. */
async function expectEjection(status: number): Promise<void> {
  await untilEjected(status);
  await eventually('nobody calls it', async () => (await sendRequests(to(), 20)).answers.v1 === 20);
  expect(await sendRequests(to(), 100)).toMatchObject({ succeeded: 100, failures: {}, answers: { v1: 100 } });
}

/** Half of the answers have this status, and nobody is taken out. */
async function expectNoEjection(status: number): Promise<void> {
  second.status = status;
  const { failures } = await sendRequests(to(), 100);
  expect(failures[status]).toBeGreaterThan(20);
  expect(await ejected()).toBe(0);
  second.status = 200;
}

/** What is in again is called again: Envoy's worker hears of it a moment later. */
async function expectBoth(): Promise<void> {
  await eventually('both are called', async () => ((await sendRequests(to(), 20)).answers.v2 ?? 0) > 4);
}

const api = () => `http://127.0.0.1:${mesh().controlPlane().adminPort}`;
const weft = async (words: string) =>
  (await runVerb([...words.split(' '), '--cp', api()], { cwd: mesh().folder })).said;

/** One of the two endpoints is out, and people see it where they look. */
async function expectTold(
  why: 'ejected' | 'unhealthy',
  words: { readonly service: string; readonly proxy: string; readonly call: string },
): Promise<void> {
  const shown = [
    ['edges', `${why} 1 of 2`],
    ['describe service pair -n shop', words.service],
    ['proxies frontend-1.shop', `pair.shop:80  ${words.proxy}`],
    ['proxy-config endpoints frontend-1 --fqdn pair', `pair.shop:80  ${words.proxy}`],
    ['route --from frontend-1 --to pair -n shop', `frontend-1.shop has ${why} 1 of 2: ${words.call}`],
    ['check --from frontend-1 --to pair -n shop', `frontend-1.shop holds out 1 of 2 of pair.shop: ${words.call}`],
  ] as const;
  for (const [verb, text] of shown)
    await eventually(`weft ${verb} says: ${text}`, async () => {
      await sendRequests(to(), 2);
      return (await weft(verb)).includes(text);
    });
  const metrics = await fetch(`${api()}/metrics`);
  expect(await metrics.text()).toContain(`weft_${why}_endpoints{proxy="frontend-1.shop",destination="pair.shop:80"} 1`);
}

/** Who is in again is told of no more. */
async function expectToldNoMore(why: 'ejected' | 'unhealthy'): Promise<void> {
  await eventually('nobody is out', async () => !(await weft('edges')).includes(why));
  for (const verb of ['proxies frontend-1.shop', 'check --from frontend-1 --to pair -n shop'])
    expect(await weft(verb)).not.toContain(why);
}

const out = 'interval: 100ms, baseEjectionTime: 60s, maxEjectionPercent: 100';
const inTurn = 'loadBalancer: { simple: ROUND_ROBIN }';

describe('outlier detection takes an endpoint out (D7)', () => {
  test('by errors of 5xx, five in a row unless said otherwise', async () => {
    await applyRule(`{ ${inTurn}, outlierDetection: { ${out} } }`);
    await expectNoEjection(429);
    await expectEjection(500);
  });

  test('and people see it where they look: edges, the service, the proxy and its endpoints', async () => {
    await expectTold('ejected', {
      service: 'outlier detection holds out 1 of 2 endpoints',
      proxy: '1 of 2 endpoints ejected by outlier detection',
      call: 'calls there failed too often',
    });
    await applyRule(`{ ${inTurn}, outlierDetection: { ${out}, consecutive5xxErrors: 0 } }`);
    await expectToldNoMore('ejected');
  });

  test('by gateway errors alone, where those of 5xx are off (P26)', async () => {
    await applyRule(
      `{ ${inTurn}, outlierDetection: { ${out}, consecutive5xxErrors: 0, consecutiveGatewayErrors: 3 } }`,
    );
    await expectNoEjection(500);
    await expectEjection(503);
  });

  test('by the status codes of the rule, and by no others', async () => {
    await applyRule(`{ ${inTurn}, outlierDetection: { ${out}, outlierDetectionHttpErrorCodes: [429, 418] } }`);
    await expectNoEjection(500);
    await expectEjection(429);
  });

  test('unless fewer would be left than minHealthPercent says: then health counts for nothing (D8)', async () => {
    await applyRule(`{ ${inTurn}, outlierDetection: { ${out}, minHealthPercent: 60 } }`);
    await untilEjected(500);
    // Meanwhile Envoy's worker has heard of it.
    await sendRequests(to(), 100);
    await expectBoth();
    expect(await ejected()).toBe(1);
  });

  test('and lets it back after its time', async () => {
    await applyRule(
      `{ ${inTurn}, outlierDetection: { interval: 100ms, baseEjectionTime: 500ms, maxEjectionPercent: 100 } }`,
    );
    await untilEjected(502);
    await eventually('it is back', async () => (await ejected()) === 0);
    await expectBoth();
  });
});

test('a breaker answers 503 at once, flag UO, and lets through what the rule allows', async () => {
  await sendRequests(to(), 20);
  // In turn, for an endpoint without any connection gets one beyond the limit.
  await applyRule(
    `{ ${inTurn}, connectionPool: { tcp: { maxConnections: 2 }, http: { http1MaxPendingRequests: 1 } } }`,
  );
  // Envoy's worker hears of the new cluster a moment later, and then closes the connections of the old one.
  await eventually('the new cluster serves', async () => (await stat('upstream_cx_active')) === 0);
  const outcomes = await holding(to('/hold'), async (send, sofar) => {
    for (const connections of [1, 2]) {
      send(1);
      await eventually(`${connections} held`, () => held() === connections);
    }
    send(8);
    await eventually('one waits for a connection, seven were refused', () => sofar.length === 7);
    expect([held(), ...new Set(sofar)]).toEqual([2, 503]);
  });
  expect(outcomes.slice(7)).toEqual([200, 200, 200]);
  const flagged = await client().stats('requests_total.*response_flags\\.UO');
  expect([...flagged.values()].reduce((sum, value) => sum + value, 0)).toBe(7);
  await mesh().apply({ 'pair.yaml': undefined });
});

test('a health check takes an endpoint out and brings it back, over mesh TLS, as the caller itself', async () => {
  await mesh().apply({ 'check.yaml': check('pair', 'http: { path: /healthz, expect: ["204"] }') });
  await eventually('both pass', async () => (await stat('membership_healthy')) === 2 && checked.length > 4);
  expect(new Set(checked.map(({ instance }) => instance))).toEqual(new Set(['v1', 'v2']));
  // Whoever may call a service checks it: the other members do, too.
  expect(checked.map(({ caller }) => caller.split('URI=')[1])).toContain('spiffe://demo.mesh/ns/shop/sa/frontend');
  await expectBoth();
  // One answer that is not expected is fewer in a row than it takes.
  const ofClient = () =>
    checked.filter(({ instance, caller }) => instance === 'v2' && caller.endsWith('/sa/frontend')).length;
  const before = ofClient();
  second.badForClient = 1;
  let fewest = 2;
  await eventually('the client has checked it four more times', async () => {
    fewest = Math.min(fewest, await stat('membership_healthy'));
    return ofClient() >= before + 4;
  });
  expect([second.badForClient, fewest]).toEqual([0, 2]);
  second.healthy = false;
  await eventually('the second is out', async () => (await stat('membership_healthy')) === 1);
  await eventually('nobody calls it', async () => (await sendRequests(to(), 20)).answers.v1 === 20);
  expect(await sendRequests(to(), 100)).toMatchObject({ succeeded: 100, answers: { v1: 100 } });
  await expectTold('unhealthy', {
    service: 'health checks hold out 1 of 2 endpoints',
    proxy: '1 of 2 endpoints held out by its health checks',
    call: 'its health checks fail there',
  });
  second.healthy = true;
  await eventually('the second is back', async () => (await stat('membership_healthy')) === 2);
  await expectBoth();
  await expectToldNoMore('unhealthy');
  await mesh().apply({ 'check.yaml': undefined });
});

test('so does the gRPC health service', async () => {
  await mesh().apply({ 'check.yaml': check('speller', 'grpc: {}') });
  await eventually('it serves', async () => grpc.asked > 4 && (await stat('membership_healthy', 'speller')) === 1);
  grpc.status = 2;
  await eventually('it is out', async () => (await stat('membership_healthy', 'speller')) === 0);
  grpc.status = 1;
  await eventually('it is back', async () => (await stat('membership_healthy', 'speller')) === 1);
  await mesh().apply({ 'check.yaml': undefined });
});

test('so does a connection that opens, or does not', async () => {
  const where = { address: bareAddress, port: 9080 };
  const program = await startApplication(where, 'bare');
  await mesh().apply({ 'check.yaml': check('bare', 'tcp: {}') });
  let opened = 0;
  program.server.on('connection', () => {
    opened += 1;
  });
  await eventually('it is in', async () => opened > 2 && (await stat('membership_healthy', 'bare')) === 1);
  // Nobody asked it for anything: opening a connection is all.
  expect(program.requests()).toBe(0);
  await program.close();
  await eventually('it is out', async () => (await stat('membership_healthy', 'bare')) === 0);
  const again = await startApplication(where, 'bare');
  await eventually('it is back', async () => (await stat('membership_healthy', 'bare')) === 1);
  await mesh().apply({ 'check.yaml': undefined });
  await again.close();
});

test('h2UpgradePolicy: HTTP/2 between the sidecars, as many requests a connection as the rule says, HTTP/1 at the program', async () => {
  const upgrade =
    'loadBalancer: { simple: ROUND_ROBIN }, connectionPool: { http: { h2UpgradePolicy: UPGRADE, maxConcurrentStreams: 5 } }';
  await mesh().apply({ 'pair.yaml': rule(`{ ${upgrade} }`) });
  // What was opened before the sidecars heard of it is HTTP/1 still.
  await eventually('the new cluster serves', async () => {
    const answers = await Promise.all(Array.from({ length: 4 }, () => fetchOnce(to())));
    return (await stat('upstream_cx_active')) === 2 && answers.every(({ status }) => status === 200);
  });
  const outcomes = await holding(to('/hold'), async (send) => {
    send(20);
    await eventually('all are held', () => held() === 20);
    expect(await stat('upstream_cx_active')).toBe(4);
  });
  expect(outcomes).toEqual(Array.from({ length: 20 }, () => 200));
  await mesh().apply({ 'pair.yaml': undefined });
});

test('1,500 requests held at once all reach one program, through both sidecars (R12)', async () => {
  const one = `---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: pair, namespace: shop }
spec: { hosts: [pair], http: [{ retries: { attempts: 0 }, route: [{ destination: { host: pair, subset: v1 } }] }] }
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: pair, namespace: shop }
spec: { host: pair, subsets: [{ name: v1, labels: { version: v1 } }] }
`;
  await mesh().apply({ 'pair.yaml': one });
  // An acknowledged route reaches Envoy's worker a moment later (X46).
  await eventually('all go to the first', async () => (await sendRequests(to(), 20)).answers.v1 === 20);
  const outcomes = await holding(to('/hold'), (send) => {
    send(1_500);
    return eventually('all are held', () => held() === 1_500, 20_000);
  });
  expect(outcomes.filter((outcome) => outcome !== 200)).toEqual([]);
}, 40_000);
