import { expect, test } from 'vitest';
import { policyPlace } from '../../src/control-plane/policy-place.ts';
import { resourcesOf } from '../../src/xds/layer.ts';
import { entriesOf } from '../../src/xds/persistent-map.ts';
import { secretType } from '../../src/xds/resource-types.ts';
import { proxy } from '../support/resolve-values.ts';
import { spineMesh } from '../support/spine-mesh.ts';

const service = (name: string) => `apiVersion: v1
kind: Service
metadata: { name: ${name}, namespace: shop }
spec: { selector: { app: ${name} }, ports: [{ name: tcp, port: 5432 }] }
`;
const rule = (name: string, ...tls: readonly string[]) => `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: ${name}, namespace: shop }
spec:
  host: ${name}
  trafficPolicy:
    tls:
${tls.map((line) => `      ${line}\n`).join('')}`;

test('a refused secret of files leads to the lines that name them, of the object that came last', () => {
  const own = ['mode: MUTUAL', 'clientCertificate: /run/db.pem', 'privateKey: /run/db.key'];
  const spine = spineMesh({
    texts: {
      'shop/services.yaml': [service('db'), service('db2'), service('other')].join('---\n'),
      'shop/db.yaml': rule('db', ...own, 'caCertificates: /nope/ca.pem'),
      'shop/other.yaml': rule('other', 'mode: SIMPLE', 'caCertificates: /run/other.pem'),
    },
    workloads: [],
  });
  const member = proxy('client-1.shop', { capture: { bind: '127.0.0.1', ports: true } });
  const { snapshot } = spine.snapshots.hold(member);
  const secret = (prefix: string) => {
    const all = (snapshot.get()?.layers ?? []).flatMap((layer) => [...entriesOf(resourcesOf(layer, secretType))]);
    const [, found] = all.find(([name]) => name.startsWith(prefix)) ?? [];
    if (found === undefined) throw new Error(`no ${prefix}`);
    return found;
  };
  const mesh = spine.mesh.get();
  if (mesh === undefined) throw new Error('no mesh');
  const { commit } = mesh.policies;
  expect(policyPlace(secret('rootfile_=2f=nope'), mesh, [commit])).toEqual({
    ref: 'DestinationRule/shop/db',
    file: 'policies/shop/db.yaml',
    line: 11,
    column: 23,
    commit,
    field: 'spec.trafficPolicy.tls.caCertificates',
  });
  expect(policyPlace(secret('rootfile_=2f=run'), mesh, [commit])).toMatchObject({ ref: 'DestinationRule/shop/other' });
  // Certificate and key are one secret: the block that holds both.
  expect(policyPlace(secret('keyfile_'), mesh, [commit])).toMatchObject({ field: 'spec.trafficPolicy.tls', line: 7 });
  // The roots of the system are in a file that no policy names.
  expect(policyPlace(secret('system_roots'), mesh, [commit])).toBeUndefined();
  // Two that name the same file and came together: either may be meant.
  spine.serve(
    spine.parse({
      'shop/services.yaml': [service('db'), service('db2')].join('---\n'),
      'shop/db.yaml': rule('db', ...own, 'caCertificates: /nope/ca.pem'),
      'shop/db2.yaml': rule('db2', 'mode: SIMPLE', 'caCertificates: /nope/ca.pem'),
    }),
  );
  const both = spine.mesh.get();
  const found = secret('rootfile_=2f=nope');
  expect(both && policyPlace(found, both, [])).toBeUndefined();
  const [, later] = both?.policies.objects.filter(({ kind }) => kind === 'DestinationRule') ?? [];
  expect(both && later && policyPlace(found, both, [later.commit, commit])?.ref).toBe('DestinationRule/shop/db2');
});
