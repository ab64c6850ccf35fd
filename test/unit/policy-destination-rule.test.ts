import { describe, expect, test } from 'vitest';
import { parsePolicies } from '../../src/policy/parse-policies.ts';

/** What is told of a DestinationRule with this traffic policy, as `CODE field`. */
function findingsOf(trafficPolicy: object): readonly string[] {
  const document = {
    apiVersion: 'networking.istio.io/v1',
    kind: 'DestinationRule',
    metadata: { name: 'x' },
    spec: { host: 'reviews', trafficPolicy },
  };
  const files = [{ path: 'policies/shop/a.json', text: JSON.stringify(document) }];
  return parsePolicies(files, { commit: 'x', rootNamespace: 'istio-system', folders: 'namespace' }).diagnostics.map(
    ({ code, field }) => `${code} ${field?.replace('spec.trafficPolicy', '')}`,
  );
}

const random = { loadBalancer: { simple: 'RANDOM' } };
const refusedHash = 'WEFT0004 .loadBalancer.consistentHash';
const hash = '.loadBalancer.consistentHash';

describe('values of a traffic policy', () => {
  test.each<[string, object, readonly string[]]>([
    ['nothing at all', {}, ['WEFT0002 ']],
    ['a port without a block', { portLevelSettings: [{ port: { number: 80 } }] }, ['WEFT0002 .portLevelSettings[0]']],
    [
      'a port twice: the first counts',
      {
        portLevelSettings: [
          { port: { number: 80 }, ...random },
          { port: { number: 80 }, ...random },
        ],
      },
      ['WEFT0132 .portLevelSettings[1]'],
    ],
    ['UNSPECIFIED is the default', { loadBalancer: { simple: 'UNSPECIFIED' } }, []],
    [
      'simple beside a hash',
      { loadBalancer: { simple: 'RANDOM', consistentHash: { useSourceIp: true } } },
      ['WEFT0137 .loadBalancer.consistentHash', refusedHash],
    ],
    [
      'two keys of a hash',
      { loadBalancer: { consistentHash: { useSourceIp: true, httpHeaderName: 'a' } } },
      [refusedHash, `WEFT0137 ${hash}.useSourceIp`],
    ],
    [
      'a cookie without name',
      { loadBalancer: { consistentHash: { httpCookie: { ttl: '1s' } } } },
      [refusedHash, `WEFT0002 ${hash}.httpCookie`],
    ],
    [
      'no table',
      { loadBalancer: { consistentHash: { useSourceIp: true, maglev: { tableSize: 0 } } } },
      [refusedHash, `WEFT0002 ${hash}.maglev.tableSize`],
    ],
    [
      'a warm-up without time',
      { loadBalancer: { warmup: { aggression: 1 } } },
      ['WEFT0004 .loadBalancer.warmup', 'WEFT0002 .loadBalancer.warmup'],
    ],
    [
      'a warm-up that never ends',
      { loadBalancer: { warmup: { duration: '1s', aggression: 0 } } },
      ['WEFT0004 .loadBalancer.warmup', 'WEFT0002 .loadBalancer.warmup.aggression'],
    ],
    [
      'a zone to fail over to',
      { loadBalancer: { localityLbSetting: { failover: [{ from: 'eu', to: 'us/a' }] } } },
      ['WEFT0004 .loadBalancer.localityLbSetting', 'WEFT0002 .loadBalancer.localityLbSetting.failover[0].to'],
    ],
    [
      'a share of nothing',
      { loadBalancer: { localityLbSetting: { distribute: [{ from: 'eu/*', to: { 'us/*': 0 } }] } } },
      ['WEFT0004 .loadBalancer.localityLbSetting', 'WEFT0002 .loadBalancer.localityLbSetting.distribute[0].to["us/*"]'],
    ],
    ['an unknown mode of TLS', { tls: { mode: 'MUTAL' } }, ['WEFT0004 .tls', 'WEFT0002 .tls.mode']],
    [
      'a tunnel without target',
      { tunnel: { protocol: 'CONNECT', targetHost: 'a.b' } },
      ['WEFT0004 .tunnel', 'WEFT0002 .tunnel'],
    ],
  ])('%s', (_name, policy, findings) => {
    expect([...findingsOf(policy)].sort()).toEqual([...findings].sort());
  });
});
