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
