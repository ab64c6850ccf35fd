import { expect, test } from 'vitest';
import { policyItems } from '../../src/admin/mesh-values.ts';
import { isSidecar, sidecarColumns } from '../../src/cli/render/sidecars.ts';
import { healthCheck, importedHosts, mesh, sidecar } from '../support/resolve-values.ts';

test('weft get sidecars: for whom, what they import, where they listen, what stands before programs', () => {
  const policies = [
    sidecar('shop/default', { outboundTrafficPolicy: 'REGISTRY_ONLY' }),
    sidecar('shop/frontend', {
      workloadSelector: { app: 'frontend', tier: 'web' },
      egress: [
        { hosts: importedHosts('./*'), listener: { kind: 'port', port: 9080, protocol: 'http' } },
        { hosts: importedHosts('bank/*'), listener: { kind: 'socket', path: '/run/db.sock', protocol: 'tcp' } },
        { hosts: importedHosts('./*', '~./secret.shop.svc.cluster.local') },
      ],
      ingress: [{ port: 9080 }, { port: 9090 }],
    }),
    healthCheck('shop/check', {}),
  ];
  // As the API answers it.
  const items = JSON.parse(JSON.stringify(policyItems(mesh({ policies })))).filter(isSidecar);
  const rows = items.map((item: Parameters<(typeof sidecarColumns)[0]['of']>[0]) =>
    sidecarColumns.filter(({ wide }) => !wide).map((column) => column.of(item)),
  );
  expect(sidecarColumns.map(({ title }) => title)).toEqual([
    'NAME',
    'FOR',
    'IMPORTS',
    'LISTENERS',
    'INGRESS',
    'UNKNOWN',
    'FROM',
    'COMMIT',
  ]);
  expect(rows).toEqual([
    ['shop/default', 'all', '-', '-', '-', 'REGISTRY_ONLY', 'shop/default.yaml:1'],
    [
      'shop/frontend',
      'app=frontend,tier=web',
      './*,bank/*,~./secret.shop.svc.cluster.local',
      '9080/http,/run/db.sock/tcp',
      '9080,9090',
      '-',
      'shop/frontend.yaml:1',
    ],
  ]);
});
