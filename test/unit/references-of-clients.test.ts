import { describe, expect, test } from 'vitest';
import { createTreeCheck } from '../../src/control-plane/check-tree.ts';
import type { Diagnostic } from '../../src/model/diagnostic.ts';
import { settings } from '../support/registry-values.ts';

type Files = Readonly<Record<string, string>>;

const meta = (name: string, exportTo?: string) =>
  `metadata: { name: ${name}${exportTo === undefined ? '' : `, annotations: { networking.istio.io/exportTo: "${exportTo}" }`} }\n`;
const service = (name: string, exportTo?: string) =>
  `apiVersion: v1\nkind: Service\n${meta(name, exportTo)}spec: { selector: { app: ${name} }, ports: [{ name: http, port: 80 }] }\n---\n`;
const entry = (exportTo: string, port: number) =>
  `apiVersion: networking.istio.io/v1\nkind: ServiceEntry\n${meta('api')}spec: { hosts: [api.example.com], resolution: DNS, exportTo: [${exportTo}], ports: [{ number: ${port}, name: http, protocol: HTTP }] }\n---\n`;
const rule = (name: string, host: string, more: string) =>
  `apiVersion: networking.istio.io/v1\nkind: DestinationRule\n${meta(name)}spec: { host: ${host}, ${more} }\n---\n`;
const route = (host: string, destination: string, more = '', match = '') =>
  `apiVersion: networking.istio.io/v1\nkind: VirtualService\n${meta('route')}spec: { hosts: [${host}], ${more}http: [{ ${match}route: [{ destination: ${destination} }] }] }\n---\n`;
const v1 = 'subsets: [{ name: v1, labels: { version: v1 } }]';
const full = 'reviews.shop.svc.cluster.local';
const toV1 = '{ host: reviews, subset: v1 }';

/** Errors and warnings about what is named, as `policies/shop/a.yaml error CODE field: message`. */
function told(files: Files): readonly string[] {
  return findings(files).map(
    ({ at, severity, code, field, message }) => `${at.file.split('/')[1]} ${severity} ${code} ${field}: ${message}`,
  );
}

function findings(files: Files): readonly Diagnostic[] {
  const check = createTreeCheck({ settings, folders: 'namespace', root: 'policies', joined: () => new Map() });
  const { diagnostics } = check({
    commit: 'x',
    files: Object.entries(files).map(([namespace, text]) => ({ path: `policies/${namespace}/a.yaml`, text })),
    diagnostics: [],
    author: '',
    subject: '',
    time: 0,
  });
  return diagnostics.filter(
    ({ code, severity }) => severity !== 'info' && !['WEFT0127', 'WEFT0205', 'WEFT0175'].includes(code),
  );
}

const at = 'spec.http[0].route[0].destination';

describe('P6 a destination is what those see for whom the rule acts', () => {
  test('a Service that its own namespace alone sees', () => {
    const files = { shop: service('reviews', '.'), bank: service('pay') + route('pay', `{ host: ${full} }`) };
    expect(told(files)).toEqual([
      `bank error WEFT0101 ${at}.host: service "${full}" is not exported to clients in bank, other namespaces`,
    ]);
    const [finding] = findings(files);
    expect(finding?.hint).toMatch(
      /^its exportTo is \.: export it to them, .*; the service: policies\/shop\/a.yaml:\d+$/,
    );
  });

  test('a mirror, too', () => {
    const mirror = `mirrors: [{ destination: { host: ${full} } }], `;
    const files = { shop: service('reviews', '.'), bank: service('pay') + route('pay', '{ host: pay }', '', mirror) };
    expect(told(files)).toEqual([
      `bank error WEFT0101 spec.http[0].mirrors[0].destination.host: service "${full}" is not exported to clients in bank, other namespaces`,
    ]);
  });

  test('a Service that some clients see: whose it is not is said', () => {
    const files = { shop: service('reviews', 'bank'), bank: service('pay') + route('pay', `{ host: ${full} }`) };
    expect(told(files)).toEqual([
      `bank error WEFT0101 ${at}.host: service "${full}" is not exported to clients in shop, other namespaces`,
    ]);
    expect(told({ ...files, bank: service('pay') + route('pay', `{ host: ${full} }`, 'exportTo: ["."], ') })).toEqual(
      [],
    );
    const matched = route('pay', `{ host: ${full} }`, '', 'match: [{ sourceNamespace: bank }], ');
    expect(told({ ...files, bank: service('pay') + matched })).toEqual([]);
  });

  test('who does not see the called service is no client of its rules', () => {
    expect(
      told({ shop: service('reviews', '.') + service('inner', '.') + route('reviews', '{ host: inner }') }),
    ).toEqual([]);
  });

  test('a service of the same host that its own namespace alone sees is not what others mean', () => {
    const toPort = route('api.example.com', '{ host: api.example.com, port: { number: 80 } }');
    expect(told({ aaa: entry('"."', 8080), bank: toPort, shop: entry('bank', 80) })).toEqual([
      `bank warning WEFT0113 ${at}.port.number: api.example.com has no port 80 for clients in aaa`,
    ]);
    expect(told({ aaa: entry('"."', 8080), bank: toPort, shop: entry('bank', 81) })).toEqual([
      `bank error WEFT0113 ${at}.port.number: api.example.com has no port 80`,
    ]);
  });

  test('an object whose hosts no client sees does nothing, which is told', () => {
    expect(
      told({ shop: service('reviews', '.'), bank: route(full, `{ host: ${full} }`, 'exportTo: ["."], ') }),
    ).toEqual([
      `bank warning WEFT0101 spec.hosts[0]: service "${full}" is not exported to any client of this object, so these rules do not act on requests to it`,
      `bank error WEFT0101 ${at}.host: service "${full}" is not exported`,
    ]);
  });
});

describe('P20 a subset is what the rule defines that those have for whom the route acts', () => {
  test('a public route to a subset of a private rule', () => {
    const files = {
      shop: service('reviews') + rule('reviews', 'reviews', `exportTo: ["."], ${v1}`) + route('reviews', toV1),
    };
    expect(told(files)).toEqual([
      `shop error WEFT0173 ${at}.subset: subset "v1" of reviews is not defined for clients in other namespaces`,
    ]);
    const [finding] = findings(files);
    expect(finding?.hint).toContain(
      'policies/shop/a.yaml:9 defines it, and its exportTo or namespace keeps it from them',
    );
    expect(finding?.related).toEqual([{ file: 'policies/shop/a.yaml', line: 9, message: 'subsets' }]);
    const own = route('reviews', toV1, 'exportTo: ["."], ');
    expect(told({ shop: service('reviews') + rule('reviews', 'reviews', `exportTo: ["."], ${v1}`) + own })).toEqual([]);
  });

  test('the rule of the only client', () => {
    const shop = service('reviews') + route('reviews', toV1, 'exportTo: [bank], ');
    expect(told({ shop, bank: rule('reviews', full, `exportTo: ["."], ${v1}`) })).toEqual([]);
    expect(told({ shop, zoo: rule('reviews', full, v1) })).toEqual([
      `shop error WEFT0173 ${at}.subset: subset "v1" of reviews is not defined for clients in bank`,
    ]);
  });

  const producer = service('reviews') + rule('reviews', 'reviews', v1) + route('reviews', toV1);
  const balanced = rule('mine', full, 'trafficPolicy: { loadBalancer: { simple: RANDOM } }');

  test("a consumer's own rule without subsets hides the producer's", () => {
    expect(told({ shop: producer })).toEqual([]);
    expect(told({ shop: producer, bank: balanced })).toEqual([
      `shop error WEFT0173 ${at}.subset: subset "v1" of reviews is not defined for clients in bank`,
    ]);
  });

  test('P9 a consumer with a route of its own does not miss it', () => {
    const bank = balanced + route(full, `{ host: ${full} }`, 'exportTo: ["."], ');
    expect(told({ shop: producer, bank })).toEqual([]);
    const wider = balanced + route('"*.svc.cluster.local"', `{ host: ${full} }`, 'exportTo: ["."], ');
    expect(told({ shop: producer, bank: wider })).toHaveLength(1);
  });

  test('P21 a subset that only chosen clients have is a warning, as nobody else may come', () => {
    const chosen = rule('reviews', 'reviews', `workloadSelector: { matchLabels: { app: front } }, ${v1}`);
    const message = 'subset "v1" of reviews is not defined for clients in shop that no workloadSelector chooses';
    expect(told({ shop: service('reviews') + chosen + route('reviews', toV1, 'exportTo: ["."], ') })).toEqual([
      `shop warning WEFT0173 ${at}.subset: ${message}`,
    ]);
    const matched = route('reviews', toV1, 'exportTo: ["."], ', 'match: [{ sourceLabels: { app: front } }], ');
    expect(told({ shop: service('reviews') + chosen + matched })).toEqual([]);
  });

  test('P21 a rule for chosen clients without subsets hides them from these', () => {
    const chosen = rule('chosen', 'reviews', 'workloadSelector: { matchLabels: { ring: blue } }');
    expect(told({ shop: producer + chosen })).toEqual([
      `shop warning WEFT0173 ${at}.subset: subset "v1" of reviews is not defined for clients in shop with ring: blue`,
    ]);
  });
});

test('a finding changes with the route that acts instead', () => {
  const check = createTreeCheck({ settings, folders: 'namespace', root: 'policies', joined: () => new Map() });
  const shop = service('reviews') + rule('reviews', 'reviews', v1) + route('reviews', toV1);
  const mine = rule('mine', full, 'trafficPolicy: { loadBalancer: { simple: RANDOM } }');
  const own = route(full, `{ host: ${full} }`, 'exportTo: ["."], ');
  const errors = [mine + own, mine, mine + own].map((bank, index) => {
    const files = Object.entries({ shop, bank }).map(([namespace, text]) => ({
      path: `policies/${namespace}/a.yaml`,
      text,
    }));
    const tree = { commit: `${index}`, files, diagnostics: [], author: '', subject: '', time: 0 };
    return check(tree).diagnostics.filter(({ severity }) => severity === 'error').length;
  });
  expect(errors).toEqual([0, 1, 0]);
});

describe('P20 a DestinationRule is about services that its clients see', () => {
  const mine = rule('mine', full, 'trafficPolicy: { loadBalancer: { simple: RANDOM } }');
  const warning = `warning WEFT0174 spec.host: service "${full}" is not exported to any client of this rule`;

  test('one of another namespace acts for its own clients alone', () => {
    expect(told({ shop: service('reviews', '.'), bank: mine })).toEqual([`bank ${warning}`]);
    expect(told({ shop: service('reviews', 'bank'), bank: mine })).toEqual([]);
  });

  test('one of the root namespace for all that it is exported to', () => {
    expect(told({ shop: service('reviews', '.'), 'istio-system': mine })).toEqual([]);
    const own = rule('mine', full, 'exportTo: ["."]');
    expect(told({ shop: service('reviews', '.'), 'istio-system': own })).toEqual([`istio-system ${warning}`]);
  });
});

test('who hides a service that an unchanged object sends to takes it away', () => {
  const check = createTreeCheck({ settings, folders: 'namespace', root: 'policies', joined: () => new Map() });
  const bank = service('pay') + route('pay', `{ host: ${full} }`, 'exportTo: ["."], ');
  const states = [service('reviews'), service('reviews', '.')].map((shop, index) => {
    const files = Object.entries({ shop, bank }).map(([namespace, text]) => ({
      path: `policies/${namespace}/a.yaml`,
      text,
    }));
    return check({ commit: `${index}`, files, diagnostics: [], author: '', subject: '', time: 0 }).policies?.commit;
  });
  expect(states).toEqual(['0', undefined]);
});

test('what only follows from a rule of a client that cannot be read is not said', () => {
  const shop = service('reviews') + route('reviews', toV1, 'exportTo: [bank], ');
  const bank = rule('reviews', full, `exportTo: ["."], ${v1}`).replace('labels', 'lables');
  const codes = findings({ shop, bank }).map(({ code }) => code);
  expect(codes).toContain('WEFT0002');
  expect(codes).not.toContain('WEFT0173');
});
