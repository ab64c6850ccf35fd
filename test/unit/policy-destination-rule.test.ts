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
    ['an unknown mode of TLS', { tls: { mode: 'MUTAL' } }, ['WEFT0002 .tls.mode']],
    [
      'a tunnel without target',
      { tunnel: { protocol: 'CONNECT', targetHost: 'a.b' } },
      ['WEFT0004 .tunnel', 'WEFT0002 .tunnel'],
    ],
  ])('%s', (_name, policy, findings) => {
    expect([...findingsOf(policy)].sort()).toEqual([...findings].sort());
  });
});
