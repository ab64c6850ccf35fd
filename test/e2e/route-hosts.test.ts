import { expect, test } from 'vitest';
import { type Application, startApplication } from '../support/application.ts';
import { eventually } from '../support/eventually.ts';
import { fetchOnce } from '../support/load.ts';
import type { Member } from '../support/member.ts';
import { nextAddress, serviceYaml, useTestMesh } from '../support/test-mesh.ts';

const hosts = ['old.shop.example', 'api.shop.example', 'gone.shop.example'];

/** No Service and no ServiceEntry has any of these hosts. */
const rules = `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: outside, namespace: shop }
spec:
  hosts: [api.shop.example]
  http:
  - match: [{ uri: { prefix: /split } }]
    route:
    - { destination: { host: catalog }, weight: 50 }
    - { destination: { host: ledger }, weight: 50 }
  - match: [{ uri: { prefix: /ledger } }]
    rewrite: { uri: / }
    route: [{ destination: { host: ledger } }]
  - match: [{ uri: { prefix: /catalog } }]
    route: [{ destination: { host: catalog } }]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: moved, namespace: shop }
spec:
  hosts: [old.shop.example]
  http:
  - redirect: { authority: api.shop.example }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: gone, namespace: shop }
spec:
  hosts: [gone.shop.example]
  http:
  - directResponse: { status: 410 }
`;

let client: Member;
const applications = new Map<string, Application>();
const mesh = useTestMesh(
  () => ({ policies: { 'services.yaml': ['catalog', 'ledger'].map((name) => serviceYaml(name)).join('---\n') } }),
  async (started) => {
    for (const service of ['catalog', 'ledger']) {
      const address = nextAddress();
      applications.set(service, await startApplication({ address, port: 9080 }, service));
      await started.join({ service, address, ports: [{ port: 9080 }] });
    }
    client = await started.join({ service: 'frontend' });
    await started.synced();
  },
);

const ask = (url: string) => fetchOnce({ host: client.address, port: client.proxyPort, path: url });

test('http rules of hosts that no service has act on port 80 behind HTTP_PROXY, as in Istio (decision 44)', {
  timeout: 60_000,
}, async () => {
  await mesh().apply({ 'outside.yaml': rules });
  const found = mesh()
    .controlPlane()
    .values.policies()
    .diagnostics.map(({ code, severity, message }) => [code, severity, message]);
  for (const host of hosts)
    expect(found).toContainEqual([
      'WEFT0101',
      'info',
      `no service "${host}": its http rules act on requests to port 80, and no others do`,
    ]);
  await eventually('the rules act', async () => (await ask('http://gone.shop.example/')).status === 410);
  for (const authority of ['api.shop.example', 'API.shop.example', 'api.shop.example:80']) {
    expect((await ask(`http://${authority}/ledger`)).body).toContain('ledger');
    expect((await ask(`http://${authority}/catalog`)).body).toContain('catalog');
  }
  const moved = await ask('http://old.shop.example/a?b=c');
  expect([moved.status, moved.headers.location]).toEqual([301, 'http://api.shop.example/a?b=c']);
  // P10: rules are left, and none fits.
  expect((await ask('http://api.shop.example/other')).status).toBe(404);
  // Counted: both answer for the same host.
  const answers = await Promise.all(
    Array.from({ length: 60 }, async () => (await ask('http://api.shop.example/split')).body),
  );
  const ofLedger = answers.filter((body) => body.includes('ledger')).length;
  expect(answers.filter((body) => body.includes('catalog')).length + ofLedger).toBe(60);
  expect(ofLedger).toBeGreaterThan(0);
  expect(ofLedger).toBeLessThan(60);

  // The other ports of such a host are nobody's: the request goes where it says.
  const other = nextAddress();
  const outside = await startApplication({ address: other, port: 9090 }, 'outside');
  expect((await ask(`http://${other}:9090/`)).body).toContain('outside');
  await outside.close();

  // A rule for some callers alone: for all others it is a host that nobody knows.
  await mesh().apply({
    'outside.yaml': rules.replaceAll(
      '- directResponse',
      '- match: [{ sourceLabels: { app: batch } }]\n    directResponse',
    ),
  });
  const batch = await mesh().join({ service: 'batch' });
  const gone = (member: Member) =>
    fetchOnce({ host: member.address, port: member.proxyPort, path: 'http://gone.shop.example/' });
  await eventually('the rule acts for one', async () => (await gone(batch)).status === 410);
  await eventually('and for nobody else', async () => (await gone(client)).status === 503);

  // A ServiceEntry with the host takes its place, and what goes is gone.
  await mesh().apply({ 'outside.yaml': undefined });
  await eventually('the rules are gone', async () => (await ask('http://api.shop.example/ledger')).status === 503);
});
