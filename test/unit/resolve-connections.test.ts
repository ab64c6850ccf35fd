import { describe, expect, test } from 'vitest';
import type { ConnectionMatch, ConnectionRule, TlsMatch } from '../../src/model/connection-rules.ts';
import type { View } from '../../src/model/ir.ts';
import type { ConnectionRoute } from '../../src/model/ir-connection.ts';
import type { Policy, VirtualServiceObject } from '../../src/model/policy.ts';
import { resolveView } from '../../src/resolve/view.ts';
import {
  destinationRule,
  mesh,
  outboundPort,
  place,
  service,
  to,
  viewOf,
  virtualService,
} from '../support/resolve-values.ts';

const db = service('shop/db', { 5432: 'tcp' });
const other = service('shop/other', { 5432: 'tcp' });
const pair = service('shop/pair', { 1: 'tcp', 5432: 'tcp' });
const vault = service('shop/vault', { 443: 'tls' });
/** The port that rules are about. */
const portOf = (view: View, id: string) => outboundPort(view, id, id === 'shop/vault' ? 443 : 5432);
const services = [db, other, pair, vault];

function rules(
  layers: {
    readonly tcp?: readonly Partial<ConnectionRule>[];
    readonly tls?: readonly Partial<ConnectionRule<TlsMatch>>[];
  },
  hosts: readonly string[] = ['db', 'vault'],
): VirtualServiceObject {
  const object = virtualService('shop/rules', hosts, []);
  const whole = <M extends ConnectionMatch>(rule: Partial<ConnectionRule<M>>) => ({ match: [], route: [], ...rule });
  return {
    ...object,
    spec: { ...object.spec, tcp: (layers.tcp ?? []).map(whole), tls: (layers.tls ?? []).map(whole) },
    positions: new Map([['spec.tcp[0]', place('shop/rules.yaml', 7)]]),
  };
}

const tcpMatch = (match: Partial<ConnectionMatch>): ConnectionMatch => ({
  sourceLabels: {},
  destinationSubnets: [],
  ...match,
});
const sni = (...sniHosts: string[]): TlsMatch => ({ ...tcpMatch({}), sniHosts });

function connectionsOf(
  policies: readonly Policy[],
  id = 'shop/db',
  labels = {},
): readonly ConnectionRoute[] | undefined {
  return portOf(viewOf({ services, policies }, 'shop', labels), id).connections;
}

const led = (routes: readonly ConnectionRoute[] | undefined) =>
  routes?.map(({ name, serverNames, destinations }) => [
    name,
    serverNames.join(' '),
    destinations
      .map(
        ({ destination, weight }) =>
          `${destination.name}:${destination.port} ${destination.subset ?? ''} ${weight.value}`,
      )
      .join(', '),
  ]);

describe('tcp rules', () => {
  test.each([
    ['no condition', undefined, true],
    ['the called port', { port: 5432 }, true],
    ['another port', { port: 1 }, false],
    ['own namespace', { sourceNamespace: 'shop' }, true],
    ['another namespace', { sourceNamespace: 'bank' }, false],
    ['labels the client has', { sourceLabels: { version: 'v1' } }, true],
    ['labels the client lacks', { sourceLabels: { version: 'v2' } }, false],
    ['addresses of a service that has none', { destinationSubnets: ['10.0.0.0/8'] }, false],
  ])('P10: %s', (_, match, survives) => {
    const policies = [rules({ tcp: [{ match: match ? [tcpMatch(match)] : [], route: [to('other')] }] })];
    expect(led(connectionsOf(policies, 'shop/db', { version: 'v1' }))).toEqual(
      survives ? [['VirtualService/shop/rules[tcp.0]', '', 'other:5432  1']] : undefined,
    );
  });

  test('the first rule that is left holds, and says where it stands', () => {
    const [route, ...more] =
      connectionsOf([rules({ tcp: [{ route: [to('other')] }, { route: [to('db', 'v1')] }] })]) ?? [];
    expect(more).toEqual([]);
    expect(route?.by).toMatchObject({ field: 'spec.tcp[0]', at: { file: 'shop/rules.yaml', line: 7 } });
    expect(route?.destinations).toMatchObject([{ weight: { value: 1, by: { default: 'P15' } } }]);
  });

  test.each([
    ['ranges that hold one of its addresses', ['10.0.0.0/8', '192.168.0.1'], true],
    ['ranges that hold part of its range', ['10.1.2.0/24'], false],
  ])('P10: %s', (_, destinationSubnets, survives) => {
    const addressed = { ...db, addresses: ['10.1.0.0/16'] };
    const policies = [rules({ tcp: [{ match: [tcpMatch({ destinationSubnets })], route: [to('other')] }] })];
    const port = portOf(viewOf({ services: [addressed, other], policies }, 'shop'), 'shop/db');
    expect(port.connections !== undefined).toBe(survives);
  });

  test('P14, P15: the port of the call where the target has it; weights of 0 get nothing', () => {
    const route = [to('pair', undefined, 3), to('db', 'v1', 1), to('other', undefined, 0)];
    expect(led(connectionsOf([rules({ tcp: [{ route }] })]))).toEqual([
      ['VirtualService/shop/rules[tcp.0]', '', 'pair:5432  3, db:5432 v1 1'],
    ]);
  });

  test('P19: they do not act on TLS ports, nor http and tls rules on others', () => {
    const policies = [rules({ tcp: [{ route: [to('other')] }] })];
    expect(connectionsOf(policies, 'shop/vault')).toBeUndefined();
    expect(connectionsOf([rules({ tls: [{ match: [sni('db')], route: [to('other')] }] })])).toBeUndefined();
    expect(connectionsOf([virtualService('shop/db', ['db'], [{ route: [to('other')] }])])).toBeUndefined();
  });
});

describe('tls rules', () => {
  test('P11: of equal names the first rule has it; the service takes the rest', () => {
    const tls = [
      { match: [sni('a.test', 'b.test'), sni('c.test')], route: [to('vault', 'v1')] },
      { match: [sni('b.test', '*.test')], route: [to('other', undefined, 1), to('vault', undefined, 2)] },
      { match: [sni('a.test')], route: [to('db')] },
    ];
    expect(led(connectionsOf([rules({ tls })], 'shop/vault'))).toEqual([
      ['VirtualService/shop/rules[tls.0]', 'a.test b.test c.test', 'vault:443 v1 1'],
      ['VirtualService/shop/rules[tls.1]', '*.test', 'other:5432  1, vault:443  2'],
      ['default/shop/vault', '', 'vault:443  1'],
    ]);
  });

  test('P10: a name in a match for other callers is free for later rules', () => {
    const elsewhere = { ...sni('a.test'), sourceNamespace: 'bank' };
    const tls = [
      { match: [elsewhere], route: [to('db')] },
      { match: [sni('a.test')], route: [to('other')] },
    ];
    expect(led(connectionsOf([rules({ tls })], 'shop/vault'))?.[0]).toEqual([
      'VirtualService/shop/rules[tls.1]',
      'a.test',
      'other:5432  1',
    ]);
    expect(connectionsOf([rules({ tls: tls.slice(0, 1) })], 'shop/vault')).toBeUndefined();
  });
});

describe('the terms of connections', () => {
  const bounded = (name: string, idleTimeout: number, subset?: string) =>
    destinationRule(`shop/${name}`, {
      host: name,
      subsets: [
        {
          name: 'v1',
          labels: {},
          ...(subset === undefined
            ? {}
            : { trafficPolicy: { connectionPool: { tcp: { idleTimeout: 7 }, http: {} }, portLevelSettings: [] } }),
        },
      ],
      trafficPolicy: { connectionPool: { tcp: { idleTimeout }, http: {} }, portLevelSettings: [] },
    });

  test('are those of the first destination, whosever it is', () => {
    const policies = [rules({ tcp: [{ route: [to('other'), to('db')].map((one) => ({ ...one, weight: 1 })) }] })];
    const terms = (more: readonly Policy[]) => connectionsOf([...policies, ...more])?.[0]?.terms.tcpIdleTimeout;
    expect(terms([])).toBeUndefined();
    expect(terms([bounded('db', 5)])).toBeUndefined();
    expect(terms([bounded('other', 5)])).toMatchObject({ value: 5, by: { object: { name: 'other' } } });
    const toSubset = [rules({ tcp: [{ route: [to('other', 'v1')] }] }), bounded('other', 5, 'v1')];
    expect(connectionsOf(toSubset)?.[0]?.terms.tcpIdleTimeout).toMatchObject({ value: 7 });
  });

  test('follow the DestinationRule of another service, and nothing else moves', () => {
    const policies = [rules({ tcp: [{ route: [to('other')] }] }, ['db'])];
    const first = mesh({ services, policies });
    const scope = { namespace: 'shop', labels: {} };
    const view = resolveView(first, scope);
    const same = resolveView(
      { ...first, policies: { commit: 'b', objects: [...policies, bounded('pair', 5)] } },
      scope,
    );
    expect(portOf(same, 'shop/db')).toBe(portOf(view, 'shop/db'));
    const changed = { commit: 'c', objects: [...policies, bounded('other', 5)] };
    const now = resolveView({ ...first, policies: changed }, scope);
    expect(portOf(now, 'shop/db').connections?.[0]?.terms.tcpIdleTimeout).toMatchObject({ value: 5 });
    expect(portOf(now, 'shop/vault')).toBe(portOf(view, 'shop/vault'));
  });
});
