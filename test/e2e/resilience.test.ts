import { afterAll, describe, expect, test } from 'vitest';
import { type Application, startApplication } from '../support/application.ts';
import { eventually } from '../support/eventually.ts';
import { type HealthService, startHealthService } from '../support/grpc-health-service.ts';
import { fetchOnce, sendRequests } from '../support/load.ts';
import type { Member } from '../support/member.ts';
import { runVerb } from '../support/run-verb.ts';
import { mutualTlsYaml, serviceYaml, useTestMesh } from '../support/test-mesh.ts';

// How the second instance answers; the first is always well.
const second = { status: 200, healthy: true, badForClient: 0 };
/** What each instance was asked for health, and by whom. */
const checked: { instance: string; caller: string }[] = [];
/** Requests to /hold wait for this. */
let release: () => void = () => undefined;
let released: Promise<void> = Promise.resolve();
let held = 0;

/** What a request to /hold came to: its status, or how it failed. */
type Outcome = number | string;

/** Sends requests to /hold as `act` asks for them, releases all once it is through, and returns what each came to. */
async function holding(
  act: (send: (requests: number) => void, outcomes: readonly Outcome[]) => Promise<unknown>,
): Promise<readonly Outcome[]> {
  held = 0;
  released = new Promise((resolve) => {
    release = resolve;
  });
  const outcomes: Outcome[] = [];
  const open: Promise<unknown>[] = [];
  const send = (requests: number) => {
    for (let sent = 0; sent < requests; sent += 1) {
      const outcome = fetchOnce(to('/hold')).then(({ status }) => status, String);
      open.push(outcome.then((one) => outcomes.push(one)));
    }
  };
  try {
    await act(send, outcomes);
  } finally {
    release();
    await Promise.all(open);
  }
  return outcomes;
}

const rule = (trafficPolicy: string) => `---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: pair, namespace: shop }
spec: { host: pair, trafficPolicy: ${trafficPolicy} }
`;
const retries = `---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: pair, namespace: shop }
spec: { hosts: [pair], http: [{ retries: { attempts: 3, retryOn: "503" }, route: [{ destination: { host: pair } }] }] }
`;
const check = (host: string, probe: string) => `---
apiVersion: weft.dev/v1alpha1
kind: HealthCheck
metadata: { name: ${host}, namespace: shop }
spec: { host: ${host}, interval: 200ms, timeout: 2s, unhealthyAfter: 2, healthyAfter: 1, ${probe} }
`;

const applications: Record<string, Application> = {};
let client: Member;
let grpc: HealthService;

const mesh = useTestMesh(
  () => ({
    policies: {
      'mesh.yaml': mutualTlsYaml('STRICT'),
      'services.yaml': serviceYaml('pair') + serviceYaml('speller', '[{ name: grpc, port: 80, targetPort: 9080 }]'),
    },
  }),
  async (started) => {
    const start = async (instance: string) => {
      const address = started.nextAddress();
      applications[instance] = await startApplication({ address, port: 9080 }, instance, async (request, response) => {
        const own = instance === 'v2' ? second : { status: 200, healthy: true, badForClient: 0 };
        if (request.url === '/healthz') {
          checked.push({ instance, caller: String(request.headers['x-forwarded-client-cert']) });
          const isClient = checked.at(-1)?.caller.endsWith('/sa/frontend') === true;
          const isBad = isClient && own.badForClient > 0;
          if (isBad) own.badForClient -= 1;
          response.statusCode = own.healthy && !isBad ? 204 : 500;
        } else if (request.url === '/hold') {
          held += 1;
          await released;
        } else if (request.url === '/late') {
          await new Promise((resolve) => setTimeout(resolve, 100));
          response.statusCode = 503;
        } else response.statusCode = own.status;
      });
      await started.join({
        service: 'pair',
        name: `pair-${instance}`,
        version: instance,
        address,
        ports: [{ port: 9080 }],
      });
    };
    const startSpeller = async () => {
      const address = started.nextAddress();
      grpc = await startHealthService({ address, port: 9080 });
      await started.join({ service: 'speller', address, ports: [{ port: 9080, protocol: 'grpc' }] });
    };
    await Promise.all([start('v1'), start('v2'), startSpeller()]);
    client = await started.join({ service: 'frontend' });
    await started.synced();
    await eventually('the caller has both', async () => (await stat('membership_total')) === 2);
  },
);
afterAll(async () => {
  await Promise.all(Object.values(applications).map((application) => application.close()));
  grpc.close();
});

const stat = (name: string, service = 'pair') => client.stat(`cluster.out_shop_${service}_80.${name}`);
const to = (path = '/') => ({ host: client.address, port: mesh().localPort('pair', 80), path });
const ejected = () => stat('outlier_detection.ejections_active');

/** Applies a rule and waits until the new cluster has both endpoints and none is out. */
async function applyRule(trafficPolicy: string): Promise<void> {
  await mesh().apply({ 'pair.yaml': rule(trafficPolicy) });
  await eventually(
    'both endpoints are in',
    async () => (await stat('membership_healthy')) === 2 && (await ejected()) === 0,
  );
}

/** Sends until an endpoint is out, then shows that nobody reaches it any more. */
async function expectEjection(status: number): Promise<void> {
  second.status = status;
  await eventually('the second endpoint is out', async () => {
    await sendRequests(to(), 20, 4);
    return (await ejected()) === 1;
  });
  await eventually('nobody calls it', async () => (await sendRequests(to(), 20)).answers.v1 === 20);
  expect(await sendRequests(to(), 100)).toMatchObject({ succeeded: 100, failures: {}, answers: { v1: 100 } });
  second.status = 200;
}

/** Half of the answers have this status, and nobody is taken out. */
async function expectNoEjection(status: number): Promise<void> {
  second.status = status;
  const { failures } = await sendRequests(to(), 200);
  expect(failures[status]).toBeGreaterThan(20);
  expect(await ejected()).toBe(0);
  second.status = 200;
}

/** What is in again is called again: Envoy's worker hears of it a moment later. */
async function expectBoth(): Promise<void> {
  await eventually('both are called', async () => ((await sendRequests(to(), 20)).answers.v2 ?? 0) > 4);
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
    const cp = ['--cp', `http://127.0.0.1:${mesh().controlPlane().adminPort}`];
    const weft = async (...words: string[]) => (await runVerb([...words, ...cp], { cwd: mesh().folder })).said;
    const shows = (words: string, text: string) =>
      eventually(`weft ${words} says: ${text}`, async () => {
        await sendRequests(to(), 2);
        return (await weft(...words.split(' '))).includes(text);
      });
    await shows('edges', 'ejected 1 of 2');
    await shows('describe service pair -n shop', 'outlier detection holds out 1 of 2 endpoints');
    const held = 'pair.shop:80  1 of 2 endpoints ejected by outlier detection';
    await shows('proxies frontend-1.shop', held);
    await shows('proxy-config endpoints frontend-1 --fqdn pair', held);
    const metrics = await fetch(`http://127.0.0.1:${mesh().controlPlane().adminPort}/metrics`);
    expect(await metrics.text()).toContain(
      'weft_ejected_endpoints{proxy="frontend-1.shop",destination="pair.shop:80"} 1',
    );
    // What is in again is told no more.
    await applyRule(`{ ${inTurn}, outlierDetection: { ${out}, consecutive5xxErrors: 0 } }`);
    await eventually('nothing is out', async () => !(await weft('edges')).includes('ejected'));
    expect(await weft('proxies', 'frontend-1.shop')).not.toContain('ejected');
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
    second.status = 500;
    await eventually('the second endpoint is out', async () => {
      await sendRequests(to(), 20, 4);
      return (await ejected()) === 1;
    });
    second.status = 200;
    // Meanwhile Envoy's worker has heard of it.
    await sendRequests(to(), 100);
    await expectBoth();
    expect(await ejected()).toBe(1);
  });

  test('and lets it back after its time', async () => {
    await applyRule(
      `{ ${inTurn}, outlierDetection: { interval: 100ms, baseEjectionTime: 2s, maxEjectionPercent: 100 } }`,
    );
    await expectEjection(502);
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
  const outcomes = await holding(async (send, sofar) => {
    for (const connections of [1, 2]) {
      send(1);
      await eventually(`${connections} held`, () => held === connections);
    }
    send(8);
    await eventually('one waits for a connection, seven were refused', () => sofar.length === 7);
    expect([held, ...new Set(sofar)]).toEqual([2, 503]);
  });
  expect(outcomes.slice(7)).toEqual([200, 200, 200]);
  const flagged = await client.stats('requests_total.*response_flags\\.UO');
  expect([...flagged.values()].reduce((sum, value) => sum + value, 0)).toBe(7);
});

test('a retry budget bounds the retries under way (D11)', async () => {
  const late = () => Promise.all(Array.from({ length: 20 }, () => fetchOnce(to('/late'))));
  const reached = () => Object.values(applications).reduce((sum, application) => sum + application.requests(), 0);
  await mesh().apply({ 'retries.yaml': retries });
  await applyRule('{ connectionPool: { tcp: { connectTimeout: 5s } } }');
  // An acknowledged route reaches Envoy's worker a moment later (X46).
  await eventually('retries act', async () => {
    const before = reached();
    await fetchOnce(to('/late'));
    return reached() - before === 4;
  });
  const before = reached();
  await late();
  expect(reached() - before).toBe(80);
  await applyRule('{ retryBudget: { percent: 0, minRetryConcurrency: 2 } }');
  const [sent, retried] = [reached(), await stat('upstream_rq_retry')];
  await late();
  const again = (await stat('upstream_rq_retry')) - retried;
  expect(reached() - sent).toBe(20 + again);
  expect(await stat('upstream_rq_retry_overflow')).toBeGreaterThan(0);
  // Two at a time: of the sixty that would have come, a few.
  expect(again).toBeGreaterThanOrEqual(2);
  expect(again).toBeLessThan(20);
  await mesh().apply({ 'retries.yaml': undefined, 'pair.yaml': undefined });
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
  second.healthy = true;
  await eventually('the second is back', async () => (await stat('membership_healthy')) === 2);
  await expectBoth();
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
  const address = mesh().nextAddress();
  const program = await startApplication({ address, port: 9080 }, 'bare');
  const entry = `---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: bare, namespace: shop, labels: { app: bare } }
spec: { address: ${address} }
`;
  await mesh().apply({ 'bare.yaml': serviceYaml('bare') + entry, 'check.yaml': check('bare', 'tcp: {}') });
  let opened = 0;
  program.server.on('connection', () => {
    opened += 1;
  });
  await eventually('it is in', async () => opened > 2 && (await stat('membership_healthy', 'bare')) === 1);
  // Nobody asked it for anything: opening a connection is all.
  expect(program.requests()).toBe(0);
  await program.close();
  await eventually('it is out', async () => (await stat('membership_healthy', 'bare')) === 0);
  applications.bare = await startApplication({ address, port: 9080 }, 'bare');
  await eventually('it is back', async () => (await stat('membership_healthy', 'bare')) === 1);
  await mesh().apply({ 'check.yaml': undefined, 'bare.yaml': undefined });
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
  const outcomes = await holding(async (send) => {
    send(20);
    await eventually('all are held', () => held === 20);
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
  const outcomes = await holding((send) => {
    send(1_500);
    return eventually('all are held', () => held === 1_500, 20_000);
  });
  expect(outcomes.filter((outcome) => outcome !== 200)).toEqual([]);
}, 40_000);
