import { describe, expect, test } from 'vitest';
import type { TrafficPolicyBlocks } from '../../src/model/destination-rule.ts';
import type { Policy, Protocol } from '../../src/model/policy.ts';
import { parsePolicies } from '../../src/policy/parse-policies.ts';
import { resolveInbound } from '../../src/resolve/inbound.ts';
import { destinationRule, mesh, proxy, serviceObject } from '../support/resolve-values.ts';

/** How the program behind port 9080 of `reviews.shop` is spoken to. */
function application(protocol: Protocol, policies: readonly Policy[] = []) {
  const of = proxy('reviews.shop', { ports: [{ port: 9080, inbound: 19080, protocol }] });
  const [inbound] = resolveInbound(mesh({ policies }), of);
  return inbound;
}

test.each([
  ['http', { value: 1, by: { default: 'R13' } }],
  ['grpc-web', { value: 1, by: { default: 'R13' } }],
  ['http2', undefined],
  ['grpc', undefined],
  ['tcp', undefined],
] as const)('R13: requests for each connection of a port of %s', (protocol, requests) => {
  expect(application(protocol)?.requestsPerConnection).toEqual(requests);
});

describe('h2UpgradePolicy: whoever calls, a program of HTTP/1 hears HTTP/1', () => {
  const upgrade: TrafficPolicyBlocks = { connectionPool: { http: { h2Upgrade: true } } };
  const kept: TrafficPolicyBlocks = { connectionPool: { http: { h2Upgrade: false } } };
  const none = { portLevelSettings: [] };
  const rule = (host: string, blocks: TrafficPolicyBlocks) =>
    destinationRule('bank/reviews', { host, trafficPolicy: { ...none, ...blocks } });
  const host = 'reviews.shop.svc.cluster.local';

  test('where a rule of any namespace upgrades a port that leads to it, and says which', () => {
    expect(application('http')?.httpVersion).toBeUndefined();
    expect(application('http', [rule(host, upgrade)])?.httpVersion).toMatchObject({
      value: 'http1',
      by: { object: { kind: 'DestinationRule', namespace: 'bank', name: 'reviews' } },
    });
    expect(application('http', [rule('*.shop.svc.cluster.local', upgrade)])?.httpVersion?.value).toBe('http1');
    expect(application('http', [rule('reviews', upgrade)])?.httpVersion).toBeUndefined();
    expect(application('http', [rule(host, kept)])?.httpVersion).toBeUndefined();
  });

  test('and where the default of MeshConfig does', () => {
    const text = 'defaultTrafficPolicy: { connectionPool: { http: { h2UpgradePolicy: UPGRADE } } }\n';
    const { policies } = parsePolicies([{ path: 'policies/meshconfig.yaml', text }], {
      commit: '4f1c2ab',
      rootNamespace: 'istio-system',
      folders: 'namespace',
    });
    expect(application('http', policies?.objects)?.httpVersion).toMatchObject({
      value: 'http1',
      by: { field: 'defaultTrafficPolicy.connectionPool', at: { line: 1 } },
    });
  });

  test.each(['http2', 'grpc', 'tcp'] as const)('but not where it declared %s', (protocol) => {
    expect(application(protocol, [rule(host, upgrade)])?.httpVersion).toBeUndefined();
  });

  test('at the level of a port or a subset; ports are those of the service', () => {
    const service = serviceObject('shop/front', { app: 'reviews' }, [
      { port: 80, targetPort: 9080, protocol: 'http', declared: true },
    ]);
    const atPort = (port: number) =>
      destinationRule('shop/front', { host: 'front', trafficPolicy: { portLevelSettings: [{ port, ...upgrade }] } });
    expect(application('http', [service, atPort(80)])?.httpVersion?.value).toBe('http1');
    expect(application('http', [service, atPort(9080)])?.httpVersion).toBeUndefined();
    const subsets = [{ name: 'v1', labels: {}, trafficPolicy: { ...none, ...upgrade } }];
    const ofSubset = destinationRule('shop/front', { host: 'front', subsets });
    expect(application('http', [service, ofSubset])?.httpVersion?.value).toBe('http1');
  });
});
