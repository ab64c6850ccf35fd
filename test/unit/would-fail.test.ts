import { expect, test } from 'vitest';
import { wouldFail } from '../../src/control-plane/would-fail.ts';
import type { AnswerCluster, AnswerProxies, RouteAnswer } from '../../src/model/route-answer.ts';

const place = { default: 'P15' };
const endpoint = (healthy: boolean) => ({ address: '10.0.0.1:80', healthy, meshTls: true });
const cluster = (percent: number, rest: Partial<AnswerCluster>): AnswerCluster => ({
  ...{ cluster: 'out_shop_a_80', service: 'a.shop', port: 80, percent, by: place, endpoints: [] },
  ...rest,
});
const held: AnswerProxies = { connected: 1, otherwise: [] };
const refused: AnswerProxies = { connected: 1, otherwise: [{ proxy: 'a-1.shop', state: 'refused' }] };
const behind: AnswerProxies = { connected: 1, otherwise: [{ proxy: 'a-1.shop', state: 'behind' }] };
const well = cluster(100, { discovery: 'registry', endpoints: [endpoint(false), endpoint(true)] });
const ill = cluster(100, { discovery: 'registry', endpoints: [endpoint(false)] });
const nobody = cluster(100, { discovery: 'registry' });
const answered = (outcome: 'allowed' | 'refused' | 'asked' | 'unknown'): RouteAnswer['authorization'] => ({
  from: { name: 'b', namespace: 'shop' },
  to: { host: 'a' },
  outcome,
  notes: [],
  answers: [{ workloads: ['a-1'], service: 'a', port: 80, identified: true, outcome, why: 'allow' }],
});

test.each<[string, Partial<RouteAnswer>, boolean]>([
  ['a rule, and files that name no endpoint', { clusters: [nobody] }, false],
  ['a rule, and nobody there', { clusters: [nobody], proxies: held }, true],
  ['nobody well', { clusters: [ill], proxies: held }, true],
  ['one who is well', { clusters: [well], proxies: held }, false],
  ['DNS', { clusters: [cluster(100, { discovery: 'dns' })], proxies: held }, false],
  ['a tenth to what is not there', { clusters: [cluster(90, { discovery: 'dns' }), cluster(10, {})] }, true],
  ['nothing to what is not there', { clusters: [cluster(100, { discovery: 'dns' }), cluster(0, {})] }, false],
  ['a proxy that refused it', { clusters: [well], proxies: refused }, true],
  ['a proxy that is behind', { clusters: [well], proxies: behind }, false],
  ['a policy that refuses', { clusters: [well], authorization: answered('refused') }, true],
  ['an authorizer that is asked', { clusters: [well], authorization: answered('asked') }, false],
  ['what is not known', { clusters: [well], authorization: answered('unknown') }, false],
  ['no rule', { outcome: 'no-rule', status: 404 }, true],
  ['an unknown host, passed', { outcome: 'pass' }, false],
  ['an answer of the sidecar', { outcome: 'respond', status: 204 }, false],
  ['an error of the sidecar', { outcome: 'respond', status: 410 }, true],
  ['a fault for some', { clusters: [well], aborted: { percent: 5, answer: '503', by: place } }, true],
  ['all held out', { clusters: [{ ...well, ejected: { proxy: 'b', endpoints: 2, of: 2 } }] }, true],
  ['all fail the health checks', { clusters: [{ ...well, unhealthy: { proxy: 'b', endpoints: 2, of: 2 } }] }, true],
  [
    'all held out, and a rule that has all called then',
    { clusters: [{ ...well, panicBelow: 50, unhealthy: { proxy: 'b', endpoints: 2, of: 2 } }] },
    false,
  ],
  ['some held out', { clusters: [{ ...well, ejected: { proxy: 'b', endpoints: 1, of: 2 } }] }, false],
])('%s: %o fails: %s', (_name, part, fails) => {
  const from = { name: 'b', namespace: 'shop', labels: {} };
  const nothing = { notes: [], candidates: [], clusters: [], decisions: {} };
  const whole: RouteAnswer = { from, to: { host: 'a' }, outcome: 'forward', ...nothing };
  expect(wouldFail({ ...whole, ...part })).toBe(fails);
});
