import { expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { fetchOnce, sendRequests } from '../support/load.ts';
import type { Member } from '../support/member.ts';
import { expectShare, useRuleMesh } from '../support/rule-mesh.ts';
import { serviceYaml } from '../support/test-mesh.ts';

const to = 'route: [{ destination: { host: echo } }]';

const echoRules = `---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: echo, namespace: shop }
spec:
  hosts: [echo]
  http:
    - { name: thrice, match: [{ uri: { prefix: /fail/thrice } }], retries: { attempts: 2, retryOn: "503" }, ${to} }
    - { name: once, match: [{ uri: { prefix: /fail/once } }], retries: { attempts: 0 }, ${to} }
    - { name: impatient, match: [{ uri: { prefix: /hang } }], retries: { attempts: 2, perTryTimeout: 200ms, backoff: 1ms, retryOn: 5xx }, ${to} }
    - { name: pause, match: [{ uri: { prefix: /fail/pause } }], retries: { attempts: 1, backoff: 400ms, retryOn: "503" }, ${to} }
    - { name: bounded, match: [{ uri: { prefix: /fail/bounded } }], timeout: 300ms, retries: { attempts: 100, backoff: 20ms, retryOn: "503" }, ${to} }
    - { name: mirrors, match: [{ uri: { prefix: /mirrors } }], mirrors: [{ destination: { host: shadow } }, { destination: { host: sample }, percentage: { value: 25 } }, { destination: { host: shadow }, percentage: { value: 0 } }], ${to} }
    - { name: abort, match: [{ uri: { prefix: /abort/some } }], fault: { abort: { httpStatus: 503, percentage: { value: 30 } } }, retries: { attempts: 3, retryOn: "503" }, ${to} }
    - { name: grpc, match: [{ uri: { prefix: /abort/grpc } }], fault: { abort: { grpcStatus: UNAVAILABLE, percentage: { value: 100 } } }, ${to} }
    - { name: zero, match: [{ uri: { prefix: /abort/zero } }], fault: { abort: { httpStatus: 500, percentage: { value: 0 } }, delay: { fixedDelay: 5s, percentage: {} } }, ${to} }
    - { name: unsaid, match: [{ uri: { prefix: /abort/unsaid } }], fault: { abort: { httpStatus: 500 }, delay: { fixedDelay: 5s } }, ${to} }
    - { name: delay, match: [{ uri: { prefix: /delay } }], fault: { delay: { fixedDelay: 300ms, percentage: { value: 20 } } }, ${to} }
    - { name: same, match: [{ uri: { prefix: /pair/same } }], retries: { attempts: 1, retryOn: "503", retryIgnorePreviousHosts: false }, route: [{ destination: { host: pair } }] }
    - { name: other, match: [{ uri: { prefix: /pair/other } }], retries: { attempts: 1, retryOn: "503" }, route: [{ destination: { host: pair } }] }
    - { name: away, match: [{ uri: { prefix: /pair/away } }], retries: { attempts: 1, retryOn: "503", retryRemoteLocalities: true }, route: [{ destination: { host: pair } }] }
    - { name: rest, ${to} }
`;

const pairRules = `---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: pair, namespace: shop }
spec: { host: pair, trafficPolicy: { loadBalancer: { simple: RANDOM } } }
`;

const budget = `---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: echo, namespace: shop }
spec: { host: echo, trafficPolicy: { retryBudget: { percent: 0, minRetryConcurrency: 2 } } }
`;

let gone: Member | undefined;

const { mesh, at, application, asked, client, counting, requestsOf } = useRuleMesh({
  policies: { 'echo.yaml': echoRules, 'pair.yaml': pairRules, 'gone.yaml': serviceYaml('gone') },
  services: { echo: ['v1'], shadow: ['v1'], sample: ['v1'], pair: ['v1', 'v2'] },
  answers: {
    'echo-v1': async ({ url = '' }, response) => {
      if (url.startsWith('/fail')) response.statusCode = 503;
      if (url.endsWith('/late')) await new Promise((resolve) => setTimeout(resolve, 50));
      if (url.startsWith('/hang')) await new Promise((resolve) => setTimeout(resolve, 3_000));
    },
    'pair-v2': (_request, response) => {
      response.statusCode = 503;
    },
  },
  prepare: async (mesh) => {
    gone = await mesh.join({ service: 'gone', ports: [{ port: 9080 }] });
  },
});

test('retries are counted: attempts after the first try, none for 0 (P16)', async () => {
  const thrice = await counting('echo-v1', () => sendRequests(at('echo', '/fail/thrice'), 20));
  expect(thrice.result.failures).toEqual({ 503: 20 });
  expect(thrice.reached).toBe(60);
  const once = await counting('echo-v1', () => sendRequests(at('echo', '/fail/once'), 20));
  expect(once.result.failures).toEqual({ 503: 20 });
  expect(once.reached).toBe(20);
});

test('a retry budget bounds the retries under way (D11)', async () => {
  const retries = () => client().stat('cluster.out_shop_echo_80.upstream_rq_retry');
  const late = () =>
    counting('echo-v1', () =>
      Promise.all(Array.from({ length: 20 }, () => fetchOnce(at('echo', '/fail/thrice/late')))),
    );
  expect((await late()).reached).toBe(60);
  await mesh().apply({ 'budget.yaml': budget });
  const before = await retries();
  const { reached } = await late();
  const again = (await retries()) - before;
  expect(reached).toBe(20 + again);
  expect(await client().stat('cluster.out_shop_echo_80.upstream_rq_retry_overflow')).toBeGreaterThan(0);
  // Two at a time: of the forty that would have come, a few.
  expect(again).toBeGreaterThanOrEqual(2);
  expect(again).toBeLessThan(20);
  await mesh().apply({ 'budget.yaml': undefined });
});

test('each try has its own time (P16)', async () => {
  const began = performance.now();
  const { result, reached } = await counting('echo-v1', () => sendRequests(at('echo', '/hang'), 10, 10));
  const took = performance.now() - began;
  expect(result.failures).toEqual({ 504: 10 });
  expect(reached).toBe(30);
  expect(took).toBeGreaterThanOrEqual(595);
  expect(took).toBeLessThan(2_500);
});

test('the timeout of a rule spans all its tries (P16)', async () => {
  const began = performance.now();
  const { result, reached } = await asked('/fail/bounded');
  expect([503, 504]).toContain(result.status);
  expect(performance.now() - began).toBeLessThan(1_500);
  // The pause doubles from 20 ms on, so there is time for a few of the hundred only.
  expect(reached).toBeGreaterThan(1);
  expect(reached).toBeLessThan(60);
});

/** How long requests to a path take in the mean, in milliseconds, four at a time. */
async function meanTime(path: string, all: number): Promise<number> {
  let [left, sum] = [all, 0];
  const worker = async () => {
    while (left-- > 0) {
      const began = performance.now();
      await fetchOnce(at('echo', path));
      sum += performance.now() - began;
    }
  };
  await Promise.all(Array.from({ length: 4 }, worker));
  return sum / all;
}

test('the pause before a retry is spread evenly below the back-off: 0.2 s of 0.4 s in the mean, within 5 sigma', async () => {
  const all = 60;
  const { result: paused, reached } = await counting('echo-v1', () => meanTime('/fail/pause', all));
  expect(reached).toBe(2 * all);
  const sigma = 400 / Math.sqrt(12 * all);
  expect(paused).toBeGreaterThan(200 - 5 * sigma);
  // What the requests themselves take comes on top: twice what one try takes, on a machine that may be busy.
  const plain = await meanTime('/fail/once', all);
  expect(paused - 2 * plain).toBeLessThan(200 + 5 * sigma + 50);
});

test('a retry avoids the endpoint that failed, unless the rule says otherwise; with one locality other localities change nothing', async () => {
  const [other, away] = [
    await sendRequests(at('echo', '/pair/other'), 300),
    await sendRequests(at('echo', '/pair/away'), 300),
  ];
  expect(other).toMatchObject({ succeeded: 300, failures: {} });
  expect(away).toMatchObject({ succeeded: 300, failures: {} });
  // One of two endpoints answers 503, and each try draws anew.
  const same = await sendRequests(at('echo', '/pair/same'), 800);
  expectShare(same.failures[503] ?? 0, 800, 0.25);
});

test('mirrors are counted: all, a quarter, none; their answers reach nobody (P17)', async () => {
  const before = { shadow: requestsOf('shadow-v1'), sample: requestsOf('sample-v1') };
  const { result, reached } = await counting('echo-v1', () => sendRequests(at('echo', '/mirrors'), 1_000));
  expect(result).toMatchObject({ succeeded: 1_000, answers: { v1: 1_000 } });
  expect(reached).toBe(1_000);
  await eventually('the shadow saw all', () => requestsOf('shadow-v1') - before.shadow >= 1_000);
  expect(requestsOf('shadow-v1') - before.shadow).toBe(1_000);
  expectShare(requestsOf('sample-v1') - before.sample, 1_000, 0.25);
  // As the caller wrote it, without the suffix that Envoy would give it.
  expect(application('shadow-v1').lastHeaders().host).toBe(application('echo-v1').lastHeaders().host);
});

test('an injected abort has its share and is not retried (P17)', async () => {
  const retries = () => client().stat('cluster.out_shop_echo_80.upstream_rq_retry');
  const before = await retries();
  const { result, reached } = await counting('echo-v1', () => sendRequests(at('echo', '/abort/some'), 2_000));
  const aborted = result.failures[503] ?? 0;
  expectShare(aborted, 2_000, 0.3);
  expect(result.succeeded).toBe(2_000 - aborted);
  expect(reached).toBe(2_000 - aborted);
  expect(await retries()).toBe(before);
  const grpc = await asked('/abort/grpc', { 'content-type': 'application/grpc' }, 'POST');
  expect({ reached: grpc.reached, status: grpc.result.status }).toEqual({ reached: 0, status: 200 });
  expect(grpc.result.headers['grpc-status']).toBe('14');
});

test('a fault of 0 %, and one without a share, never comes (P17)', async () => {
  for (const path of ['/abort/zero', '/abort/unsaid']) {
    const began = performance.now();
    expect(await sendRequests(at('echo', path), 200)).toMatchObject({ succeeded: 200, failures: {} });
    expect(performance.now() - began).toBeLessThan(5_000);
  }
});

test('an injected delay has its share and its length (P17)', async () => {
  const times: number[] = [];
  const all = 300;
  const worker = async () => {
    while (times.length < all) {
      const began = performance.now();
      await fetchOnce(at('echo', '/delay'));
      times.push(performance.now() - began);
    }
  };
  await Promise.all(Array.from({ length: 10 }, worker));
  expectShare(times.filter((time) => time >= 295).length, times.length, 0.2);
});

test('the proxy of an application tries a request anew that cannot have reached it (D2)', async () => {
  const tries = async () => (await gone?.stat('cluster.in_9080.upstream_rq_retry')) ?? Number.NaN;
  await eventually(
    'the caller has its endpoint',
    async () => (await client().stat('cluster.out_shop_gone_80.membership_total')) === 1,
  );
  const before = await tries();
  const answer = await fetchOnce({ ...at('gone', '/'), method: 'POST', body: 'order' });
  expect(answer.status).toBe(503);
  // Nobody listens: the first try and two more, all with the whole body at hand.
  expect((await tries()) - before).toBe(2);
});
