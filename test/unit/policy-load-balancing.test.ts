import { describe, expect, test } from 'vitest';
import { parsePolicies } from '../../src/policy/parse-policies.ts';

/** A DestinationRule with this load balancer: what is told of it, as `CODE field`, and what it becomes. */
function read(loadBalancer: object, beside: object = {}) {
  const document = {
    apiVersion: 'networking.istio.io/v1',
    kind: 'DestinationRule',
    metadata: { name: 'x' },
    spec: { host: 'reviews', trafficPolicy: { loadBalancer, ...beside } },
  };
  const files = [{ path: 'policies/shop/a.json', text: JSON.stringify(document) }];
  const options = { commit: 'x', rootNamespace: 'istio-system', folders: 'namespace' } as const;
  const { policies, diagnostics } = parsePolicies(files, options);
  const rule = policies?.objects.find((object) => object.kind === 'DestinationRule');
  return {
    lowered: rule?.spec.trafficPolicy?.loadBalancer,
    findings: diagnostics.map(({ code, field }) => `${code} ${field?.replace('spec.trafficPolicy.loadBalancer', '')}`),
    messages: diagnostics.map(({ message }) => message),
  };
}

const hash = (written: object) => ({ consistentHash: written });
const byHeader = { httpHeaderName: 'x-user' };
const distribute = (...entries: object[]) => ({ localityLbSetting: { distribute: entries } });
const failover = (...entries: object[]) => ({ localityLbSetting: { failover: entries } });

describe('refused, with the field', () => {
  test.each<[string, object, readonly string[]]>([
    ['simple beside a hash', { simple: 'RANDOM', ...hash({ useSourceIp: true }) }, ['WEFT0137 .consistentHash']],
    ['two keys', hash({ useSourceIp: true, ...byHeader }), ['WEFT0137 .consistentHash.useSourceIp']],
    [
      'two algorithms',
      hash({ ...byHeader, ringHash: {}, maglev: { tableSize: 7 } }),
      ['WEFT0137 .consistentHash.maglev'],
    ],
    ['a cookie without name', hash({ httpCookie: { ttl: '1s' } }), ['WEFT0002 .consistentHash.httpCookie']],
    [
      'an attribute twice',
      hash({ httpCookie: { name: 'a', attributes: [{ name: 'b' }, { name: 'b', value: 'c' }] } }),
      ['WEFT0002 .consistentHash.httpCookie.attributes[1].name'],
    ],
    ['a header that is none', hash({ httpHeaderName: 'a b' }), ['WEFT0004 .consistentHash.httpHeaderName']],
    ['no header', hash({ httpHeaderName: '' }), ['WEFT0004 .consistentHash.httpHeaderName']],
    ['no query parameter', hash({ httpQueryParameterName: '' }), ['WEFT0004 .consistentHash.httpQueryParameterName']],
    [
      'a path that would end the header',
      hash({ httpCookie: { name: 'a', path: '/; Domain=evil.example' } }),
      ['WEFT0004 .consistentHash.httpCookie.path'],
    ],
    [
      'an attribute that would begin another line',
      hash({ httpCookie: { name: 'a', attributes: [{ name: 'SameSite', value: 'Lax\r\nx: y' }] } }),
      ['WEFT0002 .consistentHash.httpCookie.attributes[0].value'],
    ],
    ['no table', hash({ ...byHeader, maglev: { tableSize: 0 } }), ['WEFT0002 .consistentHash.maglev.tableSize']],
    [
      'a table that is too large',
      hash({ ...byHeader, maglev: { tableSize: 5_000_011 } }),
      ['WEFT0002 .consistentHash.maglev.tableSize'],
    ],
    [
      'a table of no prime',
      hash({ ...byHeader, maglev: { tableSize: 65_536 } }),
      ['WEFT0002 .consistentHash.maglev.tableSize'],
    ],
    [
      'a ring larger than any of Envoy',
      hash({ ...byHeader, ringHash: { minimumRingSize: 8_388_609 } }),
      ['WEFT0004 .consistentHash.ringHash.minimumRingSize'],
    ],
    [
      'the same, in the older way',
      hash({ ...byHeader, minimumRingSize: 8_388_609 }),
      ['WEFT0004 .consistentHash.minimumRingSize', 'WEFT0005 .consistentHash.minimumRingSize'],
    ],
    ['a warm-up without time', { warmup: { aggression: 1 } }, ['WEFT0002 .warmup']],
    ['a warm-up that never ends', { warmup: { duration: '1s', aggression: 0 } }, ['WEFT0002 .warmup.aggression']],
    [
      'a warm-up from more than all',
      { warmup: { duration: '1s', minimumPercent: 101 } },
      ['WEFT0002 .warmup.minimumPercent'],
    ],
    [
      'a zone to fail over to',
      failover({ from: 'eu', to: 'us/a' }),
      ['WEFT0002 .localityLbSetting.failover[0].to', 'WEFT0132 .localityLbSetting.failover'],
    ],
    [
      'failover to the same region',
      failover({ from: 'eu', to: 'eu' }),
      ['WEFT0002 .localityLbSetting.failover[0]', 'WEFT0132 .localityLbSetting.failover'],
    ],
    [
      'a share of nothing',
      distribute({ from: 'eu/*', to: { 'us/*': 0 } }),
      ['WEFT0002 .localityLbSetting.distribute[0].to["us/*"]'],
    ],
    [
      'shares of less than all',
      distribute({ from: 'eu/*', to: { 'us/*': 90 } }),
      ['WEFT0002 .localityLbSetting.distribute[0].to'],
    ],
    [
      'shares of the same',
      distribute({ from: 'eu/*', to: { 'eu/*': 50, 'eu/a/*': 50 } }),
      ['WEFT0002 .localityLbSetting.distribute[0].to["eu/a/*"]'],
    ],
    [
      'clients that an entry before takes',
      distribute({ from: 'eu/*', to: { 'eu/*': 100 } }, { from: 'eu/a/*', to: { 'eu/*': 100 } }),
      ['WEFT0002 .localityLbSetting.distribute[1].from'],
    ],
    [
      'distribute beside failover',
      { localityLbSetting: { distribute: [{ from: '*', to: { '*': 100 } }], failover: [{ from: 'eu', to: 'us' }] } },
      ['WEFT0137 .localityLbSetting.failover'],
    ],
    [
      'regions beside their label',
      {
        localityLbSetting: {
          failover: [{ from: 'eu', to: 'us' }],
          failoverPriority: ['topology.kubernetes.io/region'],
        },
      },
      ['WEFT0137 .localityLbSetting.failoverPriority[0]', 'WEFT0132 .localityLbSetting.failover'],
    ],
    [
      'zones beside a setting of localities',
      { zoneAwareLbSetting: {}, localityLbSetting: {} },
      ['WEFT0137 .zoneAwareLbSetting'],
    ],
    [
      'a place among the labels of zones',
      { zoneAwareLbSetting: { failoverPriority: ['rack', 'topology.kubernetes.io/zone'] } },
      ['WEFT0002 .zoneAwareLbSetting.failoverPriority[1]'],
    ],
    [
      'zones that fail over to their own region',
      { zoneAwareLbSetting: { failover: [{ from: 'eu', to: 'eu' }] } },
      ['WEFT0002 .zoneAwareLbSetting.failover[0]'],
    ],
    [
      'zones of no endpoint',
      { zoneAwareLbSetting: { minClusterSize: 0 } },
      ['WEFT0002 .zoneAwareLbSetting.minClusterSize'],
    ],
  ])('%s', (_name, written, findings) => {
    expect([...read(written).findings].sort()).toEqual([...findings].sort());
  });

  test('a prime comes with the next one', () => {
    const { messages } = read(hash({ ...byHeader, maglev: { tableSize: 65_536 } }));
    expect(messages).toEqual(['expected a prime number, got 65536']);
  });
});

test.each<[string, object, readonly string[]]>([
  ['failover from nothing', failover({ from: 'eu', to: 'us' }), ['WEFT0132 .localityLbSetting.failover']],
  [
    'an order of labels for nothing',
    { localityLbSetting: { failoverPriority: ['rack'] } },
    ['WEFT0132 .localityLbSetting.failoverPriority'],
  ],
  ['a hash of nothing', hash({ useSourceIp: false }), ['WEFT0132 .consistentHash']],
  ['a warm-up of a ring', { warmup: { duration: '9s' }, ...hash(byHeader) }, ['WEFT0132 .warmup']],
  ['a warm-up at random', { warmup: { duration: '9s' }, simple: 'RANDOM' }, ['WEFT0132 .warmup']],
  [
    'a warm-up said twice',
    { warmup: { duration: '9s' }, warmupDurationSecs: '8s' },
    ['WEFT0005 .warmupDurationSecs', 'WEFT0132 .warmupDurationSecs'],
  ],
])('told, though it is served: %s', (_name, written, findings) => {
  const { lowered, findings: told } = read(written);
  expect([...told].sort()).toEqual([...findings].sort());
  expect(lowered).toBeDefined();
});

describe('what is written becomes', () => {
  const cookie = { name: 'user', path: '/shop', ttl: '0s', attributes: [{ name: 'SameSite', value: 'Lax' }] };
  test.each<[string, object, object]>([
    ['nothing', {}, {}],
    ['the default', { simple: 'UNSPECIFIED' }, {}],
    ['no choice at all', { simple: 'PASSTHROUGH' }, { simple: 'PASSTHROUGH' }],
    ['a header', hash(byHeader), hash({ key: { on: 'header', name: 'x-user' } })],
    [
      'a cookie, for as long as the browser lives',
      hash({ httpCookie: cookie, ringHash: { minimumRingSize: 0 } }),
      hash({ key: { on: 'cookie', ...cookie, ttl: 0 } }),
    ],
    [
      'a table',
      hash({ useSourceIp: true, maglev: { tableSize: 251 } }),
      hash({ key: { on: 'source-address' }, algorithm: { kind: 'table', size: 251 } }),
    ],
    [
      'a ring',
      hash({ httpQueryParameterName: 'user', ringHash: { minimumRingSize: 64 } }),
      hash({ key: { on: 'query', name: 'user' }, algorithm: { kind: 'ring', size: 64 } }),
    ],
    [
      'shares, narrow clients before wide ones',
      distribute({ from: 'eu/a/*', to: { 'eu/*': 80, 'us/*': 20 } }, { from: '*', to: { '*': 100 } }),
      {
        localityLbSetting: {
          distribute: [
            { from: 'eu/a/*', to: { 'eu/*': 80, 'us/*': 20 } },
            { from: '*', to: { '*': 100 } },
          ],
          failover: [],
          failoverPriority: [],
        },
      },
    ],
    [
      'an order of labels',
      { localityLbSetting: { enabled: true, failoverPriority: ['rack', 'disk=ssd'] } },
      {
        localityLbSetting: { enabled: true, distribute: [], failover: [], failoverPriority: ['rack', 'disk=ssd'] },
      },
    ],
    [
      'zones',
      { zoneAwareLbSetting: { minClusterSize: 3 } },
      { zoneAwareLbSetting: { failover: [], failoverPriority: [], minClusterSize: 3 } },
    ],
    [
      'a warm-up',
      { simple: 'ROUND_ROBIN', warmup: { duration: '1m', minimumPercent: 5, aggression: 0.5 } },
      { simple: 'ROUND_ROBIN', warmup: { duration: 60_000, minimumPercent: 5, aggression: 0.5 } },
    ],
  ])('%s', (_name, written, lowered) => {
    const outlierDetection = { consecutive5xxErrors: 1 };
    expect(read(written, { outlierDetection })).toEqual({ lowered, findings: [], messages: [] });
  });

  test('the older words the newer ones', () => {
    expect(read({ warmupDurationSecs: '5s' }).lowered).toEqual({ warmup: { duration: 5_000 } });
    expect(read(hash({ ...byHeader, minimumRingSize: 9 })).lowered).toMatchObject(
      hash({ algorithm: { kind: 'ring', size: 9 } }),
    );
  });
});

test('the memory of a large ring is told, of both spellings, and of no usual one', () => {
  const large = read(hash({ ...byHeader, ringHash: { minimumRingSize: 8_388_608 } }));
  expect(large.findings).toEqual(['WEFT0143 .consistentHash.ringHash.minimumRingSize']);
  expect(large.messages[0]).toContain('a ring of 8388608 entries takes 192 MiB in each proxy');
  expect(large.lowered).toMatchObject({ consistentHash: { algorithm: { kind: 'ring', size: 8_388_608 } } });
  expect(read(hash({ ...byHeader, minimumRingSize: 262_144 })).findings).toContain(
    'WEFT0143 .consistentHash.minimumRingSize',
  );
  expect(read(hash({ ...byHeader, ringHash: { minimumRingSize: 262_143 } })).findings).toEqual([]);
});
