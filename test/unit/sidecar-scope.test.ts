import { describe, expect, test } from 'vitest';
import type { Policy } from '../../src/model/policy.ts';
import type { SidecarListener } from '../../src/model/sidecar-policy.ts';
import { importsOf, listenerPort } from '../../src/policy/imports.ts';
import { scopeOf } from '../../src/resolve/scope.ts';
import { resolveView } from '../../src/resolve/view.ts';
import {
  entry,
  forward,
  importedHosts,
  mesh,
  meshConfig,
  outboundPort,
  service,
  sidecar,
  to,
  viewOf,
  virtualService,
} from '../support/resolve-values.ts';
import { egress, services } from '../support/scope-of.ts';

describe('which Sidecar (P7)', () => {
  const selecting = sidecar('shop/reviews', { workloadSelector: { app: 'reviews' }, ...egress('./*') });
  const wide = sidecar('shop/wide', egress('bank/*'));
  const root = sidecar('istio-system/default', egress('~/*'));
  const picky = sidecar('istio-system/picky', { workloadSelector: { app: 'reviews' }, ...egress('*/*') });
  const elsewhere = sidecar('bank/default', egress('./*'));

  /** What the clients of a namespace import, as it is written. */
  const imports = (policies: readonly Policy[], namespace = 'shop', app = 'reviews') => {
    const now = mesh({ services, policies });
    return resolveView(now, scopeOf(now, { namespace, labels: { app } })).imports?.value;
  };

  test.each([
    [[selecting, wide, root, picky, elsewhere], ['./*']],
    [[wide, root, picky, elsewhere], ['bank/*']],
    [[root, picky, elsewhere], ['~/*']],
    [[picky, elsewhere], undefined],
  ])('the narrowest of %#', (policies, expected) => {
    expect(imports(policies)).toEqual(expected);
  });

  test('a selector that does not match leaves it to the namespace; a selector of the root namespace is for its own workloads', () => {
    expect(imports([selecting, wide], 'shop', 'frontend')).toEqual(['bank/*']);
    expect(imports([selecting], 'shop', 'frontend')).toBeUndefined();
    expect(imports([picky, root], 'istio-system')).toEqual(['*/*']);
    expect(imports([picky, root], 'istio-system', 'frontend')).toEqual(['~/*']);
  });

  test('of two that no check could tell apart the first by name holds', () => {
    expect(imports([wide, sidecar('shop/also', egress('./*'))])).toEqual(['./*']);
  });

  test('labels split views only where a Sidecar looks at them', () => {
    const scope = (policies: readonly Policy[], namespace: string) =>
      scopeOf(mesh({ policies }), { namespace, labels: { app: 'reviews', version: 'v1' } }).labels;
    expect(scope([selecting], 'shop')).toEqual({ app: 'reviews' });
    expect(scope([selecting], 'bank')).toEqual({});
    expect(scope([wide], 'shop')).toEqual({});
  });

  test('a part that is left out falls to its default, not to a wider Sidecar', () => {
    const closed = sidecar('istio-system/default', { outboundTrafficPolicy: 'REGISTRY_ONLY', ...egress('./*') });
    const own = sidecar('shop/own', { inboundConnectionPool: {} });
    const view = viewOf({ services, policies: [closed, own] });
    expect(view.imports).toBeUndefined();
    expect(view.unknownHosts).toEqual({ value: 'pass', by: { default: 'D18' } });
    expect(view.services).toHaveLength(services.length);
    expect(viewOf({ services, policies: [closed, own] }, 'bank').unknownHosts.value).toBe('refuse');
  });

  test('the Sidecar’s policy for unknown hosts goes before MeshConfig’s, which holds without one', () => {
    const config = meshConfig({ outboundTrafficPolicy: 'REGISTRY_ONLY' });
    const open = sidecar('shop/own', { outboundTrafficPolicy: 'ALLOW_ANY' });
    expect(viewOf({ policies: [config, open] }).unknownHosts).toMatchObject({
      value: 'pass',
      by: { object: { kind: 'Sidecar', name: 'own' }, field: 'spec.outboundTrafficPolicy.mode' },
    });
    expect(viewOf({ policies: [config, sidecar('shop/own', egress('./*'))] }).unknownHosts.value).toBe('refuse');
  });
});

describe('what hosts import (P8)', () => {
  const names = (client: string, ...hosts: readonly string[]) =>
    importsOf(importedHosts(...hosts), services, client, 'cluster.local').map(({ service: { key } }) => key);
  const [reviews, ratings] = ['reviews', 'ratings'].map((name) => `shop/${name}.shop.svc.cluster.local`);
  const [accounts, vault] = ['accounts', 'vault'].map((name) => `bank/${name}.bank.svc.cluster.local`);
  const [api, any] = ['shop/api.example.com', 'bank/*.example.com'];

  test.each([
    ['shop', ['./*'], [api, ratings, reviews]],
    ['bank', ['./*'], [any, accounts, vault]],
    ['shop', ['~/*'], []],
    ['shop', ['./*', '~/*'], []],
    ['shop', ['bank/accounts.bank.svc.cluster.local'], [accounts]],
    ['shop', ['*/accounts.bank.mesh'], [accounts]],
    ['shop', ['./accounts.bank.svc.cluster.local'], []],
    ['shop', ['bank/*.svc.cluster.local'], [accounts, vault]],
    ['shop', ['*/*.example.com'], [any, api]],
    // A name within a wildcard imports not all of the wildcard.
    ['shop', ['*/a.example.com'], []],
    ['shop', ['*/*', '~bank/*'], [api, ratings, reviews]],
    ['shop', ['*/*', '~./ratings.shop.svc.cluster.local', '~/*.example.com'], [accounts, vault, reviews]],
    ['shop', ['~bank/*'], []],
  ])('for %s: %j', (client, hosts, expected) => {
    expect(names(client, ...hosts)).toEqual([...expected].sort());
  });

  const twins = ['a', 'b', 'shop'].map((namespace) => entry(namespace, 'api.test'));
  const chosen = (client: string, ...hosts: readonly string[]) =>
    importsOf(importedHosts(...hosts), twins, client, 'cluster.local').map(({ service: { namespace }, rivals }) => [
      namespace,
      rivals.map((rival) => rival.namespace),
    ]);

  test.each([
    // The proxy's own namespace first.
    ['shop', ['*/*'], [['shop', []]]],
    ['shop', ['a/*', '*/*'], [['shop', []]]],
    // Then the one that is named, then the one named by its host; else nobody can say.
    ['c', ['*/*'], [['a', ['b', 'shop']]]],
    ['c', ['b/*', '*/*'], [['b', []]]],
    ['c', ['a/*', 'b/api.test'], [['b', []]]],
    ['c', ['a/*', 'b/*'], [['a', ['b']]]],
    ['c', ['a/*', 'b/*', '~a/*'], [['b', []]]],
  ])('one host of several namespaces, for %s: %j', (client, hosts, expected) => {
    expect(chosen(client, ...hosts)).toEqual(expected);
  });

  test.each<[number, boolean, ReturnType<typeof listenerPort>]>([
    [9080, false, { number: 9080, protocol: 'http' }],
    [80, false, undefined],
    [80, true, { number: 9080, protocol: 'http' }],
  ])('a listener at %i, the service named: %s', (port, exact, expected) => {
    const listener: SidecarListener = { kind: 'port', port, protocol: 'http' };
    expect(listenerPort(listener, { service: service('shop/reviews'), exact, rivals: [] })).toEqual(expected);
  });

  test('of several ports none is meant, where the listener has none of them', () => {
    const several = service('bank/vault', { 443: 'tls', 444: 'tls' });
    const socket: SidecarListener = { kind: 'socket', path: '/a', protocol: 'tls' };
    const other: SidecarListener = { kind: 'port', port: 1, protocol: 'tls' };
    const listened = [socket, other].map((listener) =>
      [true, false].map((exact) => listenerPort(listener, { service: several, exact, rivals: [] })),
    );
    expect(listened).toEqual([
      ['unclear', undefined],
      ['unclear', undefined],
    ]);
    expect(listenerPort(socket, { service: service('shop/reviews'), exact: false, rivals: [] })).toBeDefined();
  });

  test('names belong to what is imported: another’s claim to one does not count', () => {
    const twin = [entry('a', 'api.test'), entry('b', 'api.test')];
    const named = (host: string) => viewOf({ services: twin, policies: [sidecar('shop/x', egress(host))] }).services;
    expect(named('b/*').map(({ namespace, names: all }) => [namespace, all])).toEqual([
      ['b', ['api.test', 'api.test.']],
    ]);
  });

  test('a route to what is not imported keeps its reference, and nothing answers to it', () => {
    const rule = virtualService('shop/reviews', ['reviews'], [{ route: [to('accounts.bank.svc.cluster.local')] }]);
    const view = viewOf({ services, policies: [rule, sidecar('shop/x', egress('./*'))] });
    const { destinations } = forward(outboundPort(view, 'shop/reviews').routes[0]);
    expect(destinations.map(({ destination }) => destination.service)).toEqual([accounts]);
    expect(view.services.map(({ service: key }) => key)).not.toContain(accounts);
  });
});
