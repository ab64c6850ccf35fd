import { beforeAll, expect, test } from 'vitest';
import type { Description } from '../../src/model/description.ts';
import { runVerb } from '../support/run-verb.ts';
import { testFolder } from '../support/test-folder.ts';

/* What the windows tell of Sidecars, from files alone. */

const { folder, write } = testFolder('weft-sidecar-');
const service = (name: string) =>
  `apiVersion: v1\nkind: Service\nmetadata: {name: ${name}}\nspec: {selector: {app: ${name}}, ports: [{name: http, port: 80, targetPort: 9080}]}\n`;
const sidecar = `apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: default}
spec:
  outboundTrafficPolicy: {mode: REGISTRY_ONLY}
  inboundConnectionPool: {http: {http2MaxRequests: 100}}
  ingress:
  - port: {number: 9080, protocol: HTTP}
    defaultEndpoint: unix:///run/app.sock
  egress:
  - port: {number: 7000, protocol: HTTP}
    hosts: [./reviews.shop.svc.cluster.local]
  - hosts: ["./*"]
`;

beforeAll(() => {
  write('policies/shop/a.yaml', [service('reviews'), service('frontend')].join('---\n'));
  write('policies/shop/sidecar.yaml', sidecar);
  write('policies/bank/a.yaml', service('accounts'));
});

const weft = (line: string) => runVerb([...line.split(' '), '-f', 'policies'], { cwd: folder });
async function rows(line: string, section: string): Promise<readonly string[]> {
  const { stdout } = await weft(`describe ${line} -o json`);
  const { sections }: Description = JSON.parse(stdout);
  const found = sections.find(({ name }) => name === section)?.rows ?? [];
  return found.map(({ text, by }) => (by === undefined ? text : `${text} | ${by}`));
}
const at = (text: string) => `policies/shop/sidecar.yaml:${sidecar.slice(0, sidecar.indexOf(text)).split('\n').length}`;

test('describe workload: what it imports, where its Sidecar listens, what bounds the connections to its program', async () => {
  const calls = await rows('workload frontend.shop', 'calls');
  expect(calls).toEqual(
    expect.arrayContaining([
      `imports ./reviews.shop.svc.cluster.local, ./* | ${at('  egress:')}`,
      `http listener at its local address:7000 leads to reviews.shop.svc.cluster.local:80 | ${at('{number: 7000')}`,
      `hosts that no service has: refuse | ${at('REGISTRY_ONLY')}`,
    ]),
  );
  const port = await rows('workload frontend.shop', 'application port 9080');
  expect(port).toEqual(
    expect.arrayContaining([
      `maxRequests 100 | ${at('100')}`,
      `program kind socket, path /run/app.sock | ${at('unix://')}`,
    ]),
  );
});

test('describe policy: all that it decides, for clients and before programs', async () => {
  const decided = await rows('policy Sidecar/shop/default', 'decides');
  for (const word of ['imports', 'unknownHosts', 'kind port, port 7000'])
    expect(
      decided.some((row) => row.includes(word)),
      `${word} in ${decided.join('\n')}`,
    ).toBe(true);
});

test('describe service: whose Sidecar keeps it from being known', async () => {
  expect(await rows('service accounts.bank', 'other callers')).toEqual([
    `shop: not visible to its callers, or not imported | ${at('  egress:')}`,
  ]);
});

test('route: a host that is not imported is unknown, and it is said who is meant', async () => {
  const { code, stdout } = await weft('route --from frontend.shop --to accounts.bank --path /');
  expect(code).toBe(1);
  expect(stdout).toContain('502: unknown host, refused');
  expect(stdout).toContain(at('REGISTRY_ONLY'));
  const full = await weft('route --from frontend.shop --to accounts.bank.svc.cluster.local --path /');
  expect(full.stdout).toContain(`egress of Sidecar/shop/default (${at('  egress:')}) does not import accounts.bank`);
});

test('route: the Sidecar that hides a service is named with its line, by any name and from whatever namespace it is asked', async () => {
  const why = `egress of Sidecar/shop/default (${at('  egress:')}) does not import accounts.bank`;
  for (const namespace of ['', ' -n bank'])
    for (const host of ['accounts.bank', 'accounts.bank:80', 'ACCOUNTS.bank.svc'])
      expect((await weft(`route --from frontend.shop${namespace} --to ${host}`)).stdout).toContain(
        `no service called "${host.replace(':80', '')}": ${why}`,
      );
  const mistyped = (await weft('route --from frontend.shop --to acounts.bank')).stdout;
  expect(mistyped).toContain(`- did you mean "accounts.bank"?\n  - ${why}\n`);
  expect((await weft('route --from frontend.shop --to acounts')).stdout).toContain('did you mean "accounts.bank"?');
  expect((await weft('route --from frontend.shop --to revews')).stdout).toContain('did you mean "reviews"?');
});
