import { describe, expect, test } from 'vitest';
import { createTreeCheck } from '../../src/control-plane/check-tree.ts';
import type { Diagnostic } from '../../src/model/diagnostic.ts';
import { settings } from '../support/registry-values.ts';

type Files = Readonly<Record<string, string>>;
const service = (name: string, more = '') =>
  `apiVersion: v1\nkind: Service\nmetadata: { name: ${name} }\nspec: { selector: { app: ${name} }, ${more}ports: [{ name: http, port: 80 }] }\n---\n`;
const entry = (host: string, more = '', port = '{ number: 80, name: http, protocol: HTTP }') =>
  `apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: { name: ${host.toLowerCase().replaceAll('.', '-')} }\nspec: { hosts: [${host}], ${more}resolution: STATIC, endpoints: [{ address: 10.8.8.8 }], ports: [${port}] }\n---\n`;
const sidecar = (host: string) =>
  `apiVersion: networking.istio.io/v1\nkind: Sidecar\nmetadata: { name: default }\nspec: { egress: [{ hosts: ["${host}"] }] }\n---\n`;

function findings(files: Files, codes: readonly string[]): readonly Diagnostic[] {
  const check = createTreeCheck({ settings, folders: 'namespace', root: 'policies', joined: () => undefined });
  const { diagnostics } = check({
    commit: 'x',
    files: Object.entries(files).map(([namespace, text]) => ({ path: `policies/${namespace}/a.yaml`, text })),
    diagnostics: [],
    author: '',
    subject: '',
    time: 0,
  });
  return diagnostics.filter(({ code }) => codes.includes(code));
}

/** `shop warning: message` */
const told = (files: Files, code: string) =>
  findings(files, [code]).map(({ object, severity, message }) => `${object?.namespace} ${severity}: ${message}`);

describe('WEFT0185 without a Sidecar', () => {
  const api = 'api.example.com';
  const twin = [`shop warning: host ${api} comes from several namespaces: bank, shop`];

  test('a host of two namespaces: clients of others reach the first', () => {
    const files = { bank: entry(api), shop: entry('API.example.com') };
    expect(told(files, 'WEFT0185')).toEqual(twin);
    const [finding] = findings(files, ['WEFT0185']);
    expect(finding?.hint).toBe(
      'clients of others reach that of bank (policies/bank/a.yaml:4): limit exportTo, or name one in egress.hosts of a Sidecar',
    );
    expect(finding?.related).toEqual([{ file: 'policies/bank/a.yaml', line: 4, message: 'what they reach' }]);
  });

  test.each([
    ['one is for its own namespace', { bank: entry(api, 'exportTo: ["."], '), shop: entry(api) }],
    ['no third namespace sees both', { bank: entry(api, 'exportTo: [shop], '), shop: entry(api) }],
    ['the Sidecar of all chooses', { bank: entry(api), shop: entry(api), 'istio-system': sidecar(`bank/${api}`) }],
    [
      'the Sidecar of those who see both chooses',
      { bank: entry(api, 'exportTo: [zoo], '), shop: entry(api), zoo: sidecar(`bank/${api}`) },
    ],
  ])('not where %s', (_, files) => {
    expect(told(files, 'WEFT0185')).toEqual([]);
  });

  test('those who see both and have no Sidecar', () => {
    expect(told({ bank: entry(api, 'exportTo: [zoo], '), shop: entry(api) }, 'WEFT0185')).toEqual(twin);
  });
});

describe('WEFT0185: the name of a Service of another namespace', () => {
  const name = (host: string) => [
    `bank warning: host ${host} is a name of Service reviews of namespace shop, which goes before this`,
  ];

  test.each(['reviews.shop.svc.cluster.local', 'reviews.shop.mesh', 'reviews.shop', 'reviews.shop.svc'])(
    '%s',
    (host) => {
      const files = { bank: entry(host), shop: service('reviews') };
      expect(told(files, 'WEFT0185')).toEqual(name(host));
      const [finding] = findings(files, ['WEFT0185']);
      expect(finding?.related).toEqual([{ file: 'policies/shop/a.yaml', line: 3, message: 'the Service' }]);
      expect(told({ bank: entry(host, 'exportTo: ["."], '), shop: service('reviews') }, 'WEFT0185')).toEqual([]);
      expect(told({ bank: entry(host) }, 'WEFT0185')).toEqual([]);
    },
  );

  test('P3 in one namespace it is one host, defined twice', () => {
    const shop = service('reviews') + entry('reviews.shop.mesh');
    expect(told({ shop }, 'WEFT0011')).toEqual([
      'shop error: host "reviews.shop.svc.cluster.local" is defined twice in namespace shop',
    ]);
  });
});

describe('WEFT0140: an address that a Service shares', () => {
  const address = 'addresses: [10.96.0.1], ';
  const g = service('g', 'clusterIP: 10.96.0.1, ');

  test('two Services and a ServiceEntry', () => {
    const shop = g + service('h', 'clusterIP: 10.96.0.1, ') + entry('one.example.com', address);
    expect(told({ shop }, 'WEFT0140')).toEqual([
      'shop warning: port 80 at 10.96.0.1 cannot be told apart: g has it, too',
      'shop warning: port 80 at 10.96.0.1 cannot be told apart: g has it, too',
    ]);
    const [finding] = findings({ shop }, ['WEFT0140']);
    expect(finding?.related).toEqual([{ file: 'policies/shop/a.yaml', line: 4, message: 'addresses of g' }]);
  });

  test('not at another port, nor where nobody sees both, nor HTTP hosts outside, which are called by name', () => {
    expect(
      told({ shop: g + entry('one.example.com', address, '{ number: 81, name: http, protocol: HTTP }') }, 'WEFT0140'),
    ).toEqual([]);
    expect(told({ shop: g, bank: entry('one.example.com', `exportTo: ["~"], ${address}`) }, 'WEFT0140')).toEqual([]);
    expect(told({ shop: entry('one.example.com', address) + entry('two.example.com', address) }, 'WEFT0140')).toEqual(
      [],
    );
  });
});
