import { expect, test } from 'vitest';
import type { Policy } from '../../src/model/policy.ts';
import type { Endpoint } from '../../src/model/service.ts';
import { endpointFacts } from '../../src/resolve/endpoint-facts.ts';
import { resolveView } from '../../src/resolve/view.ts';
import {
  destinationOf,
  endpoint,
  entry,
  identityOf,
  mesh,
  peerAuthentication,
  service,
  settings,
  virtualService,
} from '../support/resolve-values.ts';

const identity = identityOf('shop', 'far');
const far = entry('shop', 'far.example', { external: false, resolution: 'dns' });
const key = 'shop/far.example';
const names = [
  endpoint('far-1.shop', { address: 'a.far.example', port: 9080, identity, labels: { mode: 'plain' } }),
  endpoint('far-2.shop', { address: 'b.far.example', port: 9080, identity }),
  endpoint('far-3.shop', { address: 'c.far.example', port: 9080, health: 'unhealthy' }),
];
const scope = { namespace: 'shop', labels: {} };
const shared = { services: [far], settings: { ...settings } };
const made = (policies: readonly Policy[], list: readonly Endpoint[] = names) =>
  ({ ...mesh({ ...shared, policies, endpoints: { [key]: { 80: list } } }), services: shared.services }) as const;
const called = (policies: readonly Policy[]) =>
  destinationOf(resolveView(made(policies), scope), 'shop/far.example', undefined, 80).addresses.map(
    ({ address, meshTls = false, healthy = true }) => `${address} ${meshTls} ${healthy}`,
  );
const disable = (id: string, selector?: Readonly<Record<string, string>>) =>
  peerAuthentication(id, { mode: 'DISABLE', ...(selector && { selector }) });

test('P35: names that the proxy resolves are called with mesh TLS unless their own PeerAuthentication says DISABLE', () => {
  const usual = ['a.far.example true true', 'b.far.example true true', 'c.far.example false false'];
  const plain = ['a.far.example false true', 'b.far.example false true', 'c.far.example false false'];
  expect(called([])).toEqual(usual);
  expect(called([disable('shop/plain', { mode: 'plain' })])).toEqual(['a.far.example false true', ...usual.slice(1)]);
  expect(called([disable('shop/all')])).toEqual(plain);
  expect(called([disable('istio-system/all')])).toEqual(plain);
  expect(called([disable('bank/all')])).toEqual(usual);
  expect(called([])).toEqual(usual);
});

test('what decides the mode alike changes nothing: the same facts, the same view', () => {
  const endpoints = made([]).endpoints;
  const at = (policies: readonly Policy[]) => ({ ...made(policies), endpoints });
  const plain = disable('shop/plain', { mode: 'plain' });
  const other = virtualService('shop/other', ['other.example'], []);
  const facts = endpointFacts(at([plain]));
  expect(endpointFacts(at([plain, other]))).toBe(facts);
  expect(endpointFacts(at([disable('shop/plain', { mode: 'plain' })]))).toBe(facts);
  expect(endpointFacts(at([disable('shop/all')]))).not.toBe(facts);
  expect(endpointFacts(at([plain])).get(far.key)).toEqual(facts.get(far.key));
  const view = resolveView(at([plain]), scope);
  expect(resolveView(at([plain, other]), scope)).toBe(view);
  // Whom callers accept is the whole service, however it is called.
  expect(facts.get(far.key)?.accepted).toEqual([identity]);
});

test('P35: a destination names who turned mesh TLS off at workloads behind its port, each once, and nobody else', () => {
  const of = (policies: readonly Policy[], namespace = 'shop') => {
    const at = service(`${namespace}/reviews`, { 80: 'http', 81: 'http' });
    const list = (port: number) => [
      endpoint('r-1', { port, applicationPort: port, identity: identityOf(namespace, 'r'), labels: { app: 'a' } }),
      endpoint('r-2', { port, applicationPort: port, identity: identityOf(namespace, 'r'), labels: { app: 'b' } }),
    ];
    const whole = mesh({
      services: [at],
      settings: { ...settings },
      policies,
      endpoints: { [at.key]: { 80: list(9080), 81: list(9081) } },
    });
    const view = resolveView(whole, { namespace, labels: {} });
    return [80, 81].map((port) =>
      destinationOf(view, `${namespace}/reviews`, undefined, port).plaintext?.map(({ by }) =>
        'object' in by ? by.object.name : '',
      ),
    );
  };
  const one = disable('shop/one', { app: 'a' });
  const other = disable('shop/other', { app: 'b' });
  expect(of([])).toEqual([undefined, undefined]);
  expect(of([one])).toEqual([['one'], ['one']]);
  expect(of([one, other])).toEqual([
    ['one', 'other'],
    ['one', 'other'],
  ]);
  expect(of([disable('shop/nobody', { app: 'c' })])).toEqual([undefined, undefined]);
  expect(of([disable('istio-system/all'), one])).toEqual([
    ['all', 'one'],
    ['all', 'one'],
  ]);
  expect(of([disable('istio-system/all')], 'istio-system')).toEqual([['all'], ['all']]);
  const ports = peerAuthentication('shop/ports', {
    mode: 'STRICT',
    selector: { app: 'a' },
    portLevelMtls: { 9081: 'DISABLE' },
  });
  expect(of([ports])).toEqual([undefined, ['ports']]);
});
