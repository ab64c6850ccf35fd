import { describe, expect, test } from 'vitest';
import type { ClientTls } from '../../src/model/client-tls.ts';
import type { Service } from '../../src/model/service.ts';
import {
  destinationOf,
  destinationRule,
  endpoint,
  entry,
  identityOf,
  service,
  viewOf,
} from '../support/resolve-values.ts';

const block = (tls: Partial<ClientTls>): ClientTls => ({
  mode: 'SIMPLE',
  subjectAltNames: [],
  insecureSkipVerify: false,
  ...tls,
});

/** How a service is called by a rule with this block. */
function called(target: Service, tls: Partial<ClientTls>) {
  const policies = [
    destinationRule('shop/rule', {
      host: target.host,
      trafficPolicy: { tls: block(tls), portLevelSettings: [] },
    }),
  ];
  const endpoints = { [target.key]: { 9080: [endpoint('a', { identity: identityOf('shop', 'a') })] } };
  const view = viewOf({ services: [target], policies, endpoints });
  return destinationOf(view, target.key.replace('.shop.svc.cluster.local', ''), undefined, target.ports[0]?.number);
}

const api = entry('shop', 'api.example.com', { resolution: 'dns' });
const reviews = service('shop/reviews');

describe('P23 a tls block', () => {
  test('DISABLE is plaintext, by the rule', () => {
    const { security, tls } = called(reviews, { mode: 'DISABLE' });
    expect(security).toEqual({ kind: 'plain' });
    expect(tls).toMatchObject({ value: 'plain', by: { object: { name: 'rule' }, field: 'spec.trafficPolicy.tls' } });
  });

  test('ISTIO_MUTUAL is mesh TLS for every endpoint, towards whom automatic mesh TLS would believe', () => {
    expect(called(reviews, { mode: 'ISTIO_MUTUAL' }).security).toEqual({
      kind: 'mesh',
      accepted: [identityOf('shop', 'a')],
      serverName: 'outbound_.9080_._.reviews.shop.svc.cluster.local',
      always: true,
    });
    const named = called(reviews, { mode: 'ISTIO_MUTUAL', sni: 'x', subjectAltNames: ['spiffe://b', 'spiffe://a'] });
    expect(named.security).toMatchObject({ accepted: ['spiffe://a', 'spiffe://b'], serverName: 'x' });
  });

  test('without one mesh TLS is automatic', () => {
    const view = viewOf({ services: [reviews], policies: [destinationRule('shop/rule', { host: 'reviews' })] });
    const destination = destinationOf(view, 'shop/reviews');
    expect(destination.security).not.toHaveProperty('always');
    expect(destination).not.toHaveProperty('tls');
  });
});

describe('P48 TLS origination', () => {
  const server = (target: Service, tls: Partial<ClientTls>) => called(target, tls).security;

  test('asks for the host and verifies it, by the roots of the system', () => {
    expect(server(api, {})).toEqual({
      kind: 'tls',
      serverName: 'api.example.com',
      server: { roots: 'system', names: ['api.example.com'] },
    });
  });

  test('a Service may say any of its names', () => {
    expect(server(reviews, {})).toMatchObject({
      serverName: 'reviews.shop.svc.cluster.local',
      server: { names: ['reviews.shop.svc.cluster.local', 'reviews.shop.svc', 'reviews.shop', 'reviews'] },
    });
  });

  test.each<[string, Service, Partial<ClientTls>, string | undefined, readonly string[] | 'request']>([
    ['sni', api, { sni: 'front.example.com' }, 'front.example.com', ['front.example.com']],
    ['subjectAltNames', api, { subjectAltNames: ['b', 'a'] }, 'api.example.com', ['a', 'b']],
    ['those of the entry', { ...api, subjectAltNames: ['c'] }, {}, 'api.example.com', ['c']],
    [
      'the rule before the entry',
      { ...api, subjectAltNames: ['c'] },
      { subjectAltNames: ['a'] },
      'api.example.com',
      ['a'],
    ],
    ['the host of the request', entry('shop', '*.example.com', { resolution: 'request' }), {}, undefined, 'request'],
    ['sni of a wildcard', entry('shop', '*.example.com', { resolution: 'request' }), { sni: 'a' }, 'a', ['a']],
    [
      'nobody, where neither requests nor the entry say who',
      { ...entry('shop', '*.example.com', { resolution: 'request' }), ports: [{ number: 80, protocol: 'tls' }] },
      {},
      undefined,
      [],
    ],
  ])('whom it asks for and believes: %s', (_, target, tls, serverName, names) => {
    expect(server(target, tls)).toEqual({
      kind: 'tls',
      ...(serverName === undefined ? {} : { serverName }),
      server: { roots: 'system', names },
    });
  });

  test('files, a named secret, nothing verified', () => {
    const files = {
      mode: 'MUTUAL',
      clientCertificate: '/c',
      privateKey: '/k',
      caCertificates: '/ca',
      caCrl: '/l',
    } as const;
    expect(server(api, files)).toMatchObject({
      server: { roots: { kind: 'files', roots: '/ca', crl: '/l' } },
      client: { kind: 'files', certificate: '/c', key: '/k' },
    });
    expect(server(api, { mode: 'MUTUAL', credentialName: 'partner' })).toMatchObject({
      server: { roots: { kind: 'named', name: 'partner' } },
      client: { kind: 'named', name: 'partner' },
    });
    expect(server(api, { credentialName: 'partner' })).not.toHaveProperty('client');
    expect(server(api, { insecureSkipVerify: true })).toEqual({ kind: 'tls', serverName: 'api.example.com' });
  });
});
