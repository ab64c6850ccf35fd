import { describe, expect, test } from 'vitest';
import { offlineMesh } from '../../src/control-plane/offline-mesh.ts';
import { offlineProxy } from '../../src/control-plane/offline-proxy.ts';
import { Secret } from '../../src/model/secret.ts';
import { parsePolicies } from '../../src/policy/parse-policies.ts';
import { checkClaims } from '../../src/registry/join-claims.ts';
import { loadWorkloads, saveWorkloads } from '../../src/registry/saved-workloads.ts';
import { createBootstrap } from '../../src/sidecar/bootstrap.ts';
import { settings } from '../support/registry-values.ts';
import { selfSigned } from '../support/self-signed.ts';

const credential = { tokenId: '9f2', namespace: 'shop', serviceAccount: 'reviews', service: 'reviews' };
const join = (locality?: unknown) => {
  const weft = { service: 'reviews', namespace: 'shop', ...(locality === undefined ? {} : { locality }) };
  return checkClaims(credential, { id: 'reviews-1.shop', weft }, '127.0.0.1', settings);
};

describe('where a joined workload runs', () => {
  test.each([
    ['eu', { region: 'eu', zone: '', subzone: '' }],
    ['eu/north-1', { region: 'eu', zone: 'north-1', subzone: '' }],
    ['eu/north/rack_1.a', { region: 'eu', zone: 'north', subzone: 'rack_1.a' }],
  ])('%s', (written, locality) => {
    const { proxy, workload } = join(written);
    expect(proxy.locality).toEqual(locality);
    expect(workload.locality).toEqual(locality);
  });

  test('is not known where it does not say so', () => {
    expect(join().workload).not.toHaveProperty('locality');
  });

  test.each(['', 'eu/', '/north', 'eu/*', 'a/b/c/d', 'e u', 7, { region: 'eu' }])('%j is refused', (written) => {
    expect(() => join(written)).toThrow('node.metadata.weft.locality: expected region/zone/subzone');
  });

  test('outlives a restart of the control plane', () => {
    const known = [{ workload: join('eu/north').workload }, { workload: { ...join().workload, name: 'reviews-2' } }];
    const read = loadWorkloads(saveWorkloads({ known, drained: [] }), settings);
    expect(read.known.map(({ workload }) => workload.locality)).toEqual([known[0]?.workload.locality, undefined]);
  });
});

test('a proxy that files describe runs where its WorkloadEntry says', () => {
  const text = `apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: reviews-1 }
spec: { address: 10.0.0.1, locality: eu/north/rack-1 }
`;
  const files = [{ path: 'policies/shop/a.yaml', text }];
  const { policies } = parsePolicies(files, { commit: 'x', rootNamespace: 'istio-system', folders: 'namespace' });
  const mesh = offlineMesh({ policies: policies ?? { commit: 'x', objects: [] }, settings });
  const { locality } = offlineProxy(mesh, 'reviews-1', 'shop');
  expect(locality).toEqual({ region: 'eu', zone: 'north', subzone: 'rack-1' });
});

test('Envoy hears of it, too', () => {
  const bootstrap = createBootstrap({
    nodeId: 'reviews-1.shop',
    metadata: { service: 'reviews', namespace: 'shop', locality: 'eu/north/rack-1' },
    controlPlane: { host: '127.0.0.1', port: 1, serverName: 'xds.weft', rootPem: selfSigned('xds.weft').certificate },
    credential: new Secret('a'),
    admin: { kind: 'pipe', path: '/tmp/admin.sock' },
    stats: { flushInterval: 5000 },
  });
  expect(bootstrap.node).toMatchObject({
    locality: { region: 'eu', zone: 'north', sub_zone: 'rack-1' },
    metadata: { weft: { locality: 'eu/north/rack-1' } },
  });
});
