import { describe, expect, test } from 'vitest';
import type { Workload } from '../../src/model/workload.ts';
import { parsePolicies } from '../../src/policy/parse-policies.ts';
import { checkReferences } from '../../src/policy/references.ts';
import { buildServices } from '../../src/registry/services.ts';
import { settings, workload } from '../support/resolve-values.ts';

const object = (kind: string, id: string, spec: string) => {
  const [namespace, name] = id.split('/');
  const version = kind === 'Service' ? 'v1' : 'networking.istio.io/v1';
  return `---\napiVersion: ${version}\nkind: ${kind}\nmetadata: { name: ${name}, namespace: ${namespace} }\nspec: ${spec}\n`;
};
const service = (id: string, ports = '[{ name: http, port: 80, targetPort: 9080 }]') =>
  object('Service', id, `{ selector: { app: ${id.split('/')[1]} }, ports: ${ports} }`);
const sidecar = (id: string, spec: string) => object('Sidecar', id, spec);
const external = (namespace: string) =>
  object(
    'ServiceEntry',
    `${namespace}/api`,
    '{ hosts: [api.test], resolution: DNS, ports: [{ number: 443, name: tls, protocol: TLS }] }',
  );
const rule = (id: string, spec: string) => object('VirtualService', id, spec);

const frontend = workload('frontend-1.shop', { labels: { app: 'frontend' }, ports: [] });

/** The findings about Sidecars in these documents: code, severity, field, message, hint. */
function found(documents: readonly string[], workloads: readonly Workload[] | undefined = [frontend]) {
  const { policies, diagnostics } = parsePolicies([{ path: 'policies/a.yaml', text: documents.join('') }], {
    commit: '4f1c2ab',
    rootNamespace: 'istio-system',
    folders: 'free',
  });
  if (!policies) throw new Error(JSON.stringify(diagnostics));
  const { services } = buildServices(policies, new Map((workloads ?? []).map((each) => [each.id, each])), settings);
  const about = new Set([
    'WEFT0112',
    'WEFT0113',
    'WEFT0114',
    'WEFT0136',
    'WEFT0140',
    'WEFT0166',
    'WEFT0174',
    'WEFT0183',
    'WEFT0184',
    'WEFT0185',
  ]);
  return checkReferences(policies.objects, services, workloads, settings)
    .filter(
      ({ code, object: { kind } = { kind: '' } }) => about.has(code) || (code === 'WEFT0127' && kind === 'Sidecar'),
    )
    .map(({ code, severity, field, message, hint }) => ({ code, severity, field, message, hint }));
}

const listener = (port: string, ...hosts: readonly string[]) =>
  sidecar('shop/x', `{ egress: [{ port: ${port}, hosts: ${JSON.stringify(hosts)} }] }`);

describe('two Sidecars (WEFT0183)', () => {
  const all = '{ egress: [{ hosts: ["./*"] }] }';
  const selecting = (labels: string) => `{ workloadSelector: { labels: ${labels} }, egress: [{ hosts: ["./*"] }] }`;

  test('without selector, or with the same, in one namespace: an error', () => {
    expect(found([sidecar('shop/a', all), sidecar('shop/b', all)])).toMatchObject([
      {
        code: 'WEFT0183',
        severity: 'error',
        field: 'metadata.name',
        message: 'two Sidecars apply to all workloads in shop',
      },
    ]);
    const same = ['{ app: frontend, tier: a }', '{ tier: a, app: frontend }'].map(selecting);
    const client = { ...frontend, labels: { app: 'frontend', tier: 'a' } };
    expect(
      found(
        same.map((spec, index) => sidecar(`shop/s${index}`, spec)),
        [client],
      ),
    ).toMatchObject([{ code: 'WEFT0183', severity: 'error', field: 'spec.workloadSelector' }]);
  });

  test('different selectors that meet on a workload: a warning that says which acts', () => {
    const both = [sidecar('shop/b', selecting('{ app: frontend }')), sidecar('shop/a', selecting('{ tier: a }'))];
    const client = { ...frontend, labels: { app: 'frontend', tier: 'a' } };
    expect(found(both, [client])).toMatchObject([
      {
        code: 'WEFT0183',
        severity: 'warning',
        message: 'two Sidecars apply to frontend-1.shop',
        hint: expect.stringMatching(/^a acts there/),
      },
    ]);
    expect(found(both, [frontend, { ...frontend, id: 'b-1.shop', labels: { tier: 'a' } }])).toEqual([]);
  });

  test('one of a namespace, one with a selector, one of the root namespace: none is told', () => {
    const three = [
      sidecar('shop/a', all),
      sidecar('shop/b', selecting('{ app: frontend }')),
      sidecar('bank/a', all),
      sidecar('istio-system/a', all),
    ];
    expect(found(three)).toEqual([]);
  });
});

describe('hosts of egress', () => {
  test('WEFT0174: a name that no service has there, with where it is', () => {
    const documents = [
      service('shop/reviews'),
      service('bank/accounts'),
      sidecar(
        'shop/x',
        '{ egress: [{ hosts: ["./accounts.bank.svc.cluster.local", "./revews.shop.svc.cluster.local", "*/*.example", "~./gone.shop.svc.cluster.local"] }] }',
      ),
    ];
    expect(found(documents).map(({ code, severity, field, hint }) => [code, severity, field, hint])).toEqual([
      [
        'WEFT0174',
        'warning',
        'spec.egress[0].hosts[0]',
        'namespace bank has it: write "bank/accounts.bank.svc.cluster.local"',
      ],
      ['WEFT0174', 'warning', 'spec.egress[0].hosts[1]', 'did you mean "reviews.shop.svc.cluster.local"?'],
      ['WEFT0174', 'warning', 'spec.egress[0].hosts[2]', 'declare a Service or a ServiceEntry, or correct the name'],
      ['WEFT0174', 'warning', 'spec.egress[0].hosts[3]', expect.any(String)],
    ]);
  });

  test('WEFT0174: a star of a namespace that nobody has, or for a part of a name that no service has', () => {
    const importing = (...hosts: readonly string[]) =>
      sidecar('shop/x', `{ egress: [{ hosts: ${JSON.stringify(hosts)} }] }`);
    const services = [service('shop/reviews'), external('shop')];
    const said = (...hosts: readonly string[]) => found([...services, importing(...hosts)]).map(({ hint }) => hint);
    expect(said('./*', 'istio-system/*', '*/*.test')).toEqual([]);
    expect(said('shopp/*')).toEqual(['did you mean "shop/*"?']);
    expect(said('./*.tests')).toEqual(['did you mean "./*.test"?']);
    expect(said('*/*.shp.svc.cluster.local')).toEqual(['did you mean "*/*.shop.svc.cluster.local"?']);
    expect(said('istio-system/*.test')).toEqual(['namespace shop has some: write "shop/*.test"']);
  });

  test('WEFT0185: a host of several namespaces, unless the own is among them or one is named', () => {
    const twins = [external('a'), external('b')];
    const imports = (...hosts: readonly string[]) =>
      sidecar('shop/x', `{ egress: [{ hosts: ${JSON.stringify(hosts)} }] }`);
    // Clients of other namespaces, without a Sidecar, are told of by a warning (shared-hosts.test.ts).
    const refused = (...texts: readonly string[]) => found(texts).filter(({ severity }) => severity === 'error');
    expect(refused(...twins, imports('./*', '*/*.test'))).toEqual([
      {
        code: 'WEFT0185',
        severity: 'error',
        field: 'spec.egress[0].hosts[1]',
        message: 'host api.test comes from several namespaces: a, b',
        hint: 'name the namespace in egress.hosts, such as "a/api.test"',
      },
    ]);
    expect(refused(...twins, imports('*/*', 'a/api.test'))).toEqual([]);
    expect(refused(...twins, external('shop'), imports('*/*'))).toEqual([]);
  });

  test('WEFT0185 of the root namespace’s Sidecar is told once, for clients that have none of their own', () => {
    const twins = [external('a'), external('b'), sidecar('istio-system/x', '{ egress: [{ hosts: ["*/*"] }] }')];
    const clients = ['a', 'shop', 'zoo'].map((namespace) => workload(`c-1.${namespace}`, { ports: [] }));
    expect(found(twins, clients).map(({ code }) => code)).toEqual(['WEFT0185']);
  });
});

describe('listeners of egress', () => {
  const http = '{ number: 9080, protocol: HTTP }';

  test('WEFT0112: a service that is named has several ports and none is the listener’s', () => {
    const several = service('shop/reviews', '[{ name: http, port: 80 }, { name: http-b, port: 81 }]');
    expect(found([several, listener(http, './reviews.shop.svc.cluster.local')])).toEqual([
      {
        code: 'WEFT0112',
        severity: 'error',
        field: 'spec.egress[0].hosts[0]',
        message: 'reviews.shop.svc.cluster.local has several ports; none is that of the listener',
        hint: 'set port.number of the listener to one of 80, 81',
      },
    ]);
    expect(found([several, listener('{ number: 81, protocol: HTTP }', './reviews.shop.svc.cluster.local')])).toEqual(
      [],
    );
    const socket =
      'egress: [{ bind: "unix:///run/a.sock", port: { number: 0, protocol: HTTP }, hosts: ["./reviews.shop.svc.cluster.local"] }]';
    expect(found([several, sidecar('shop/x', `{ ${socket} }`)])).toMatchObject([
      { code: 'WEFT0112', hint: 'write port.number and an address in bind instead of the socket: one of 80, 81' },
    ]);
  });

  test('WEFT0136: an HTTP listener and a port that is not HTTP', () => {
    const db = service('shop/db', '[{ name: tcp, port: 5432 }]');
    expect(found([db, listener(http, './db.shop.svc.cluster.local')])).toMatchObject([
      { code: 'WEFT0136', severity: 'error', field: 'spec.egress[0].hosts[0]' },
    ]);
    const wide = listener('{ number: 5432, protocol: HTTP }', './*');
    expect(found([db, wide])).toMatchObject([{ code: 'WEFT0136', severity: 'warning' }]);
    expect(found([db, listener('{ number: 1, protocol: TCP }', './db.shop.svc.cluster.local')])).toEqual([]);
  });

  test('WEFT0140: bytes that say no name lead to one service', () => {
    const two = ['db', 'cache'].map((name) => service(`shop/${name}`, '[{ name: tcp, port: 5432 }]'));
    expect(found([...two, listener('{ number: 5432, protocol: TCP }', './*')])).toMatchObject([
      { code: 'WEFT0140', severity: 'error', field: 'spec.egress[0].port' },
    ]);
    expect(found([...two, listener('{ number: 5432, protocol: TLS }', './*')])).toEqual([]);
    expect(
      found([...two, listener('{ number: 5432, protocol: TCP }', './*', '~./cache.shop.svc.cluster.local')]),
    ).toEqual([]);
  });

  test('WEFT0113: a listener that leads nowhere', () => {
    expect(found([service('shop/reviews'), listener(http, './*')])).toMatchObject([
      { code: 'WEFT0113', severity: 'warning', field: 'spec.egress[0].port', hint: 'ports: 80' },
    ]);
  });
});

describe('routes to what is not imported (WEFT0114)', () => {
  const two = [service('shop/reviews'), service('bank/accounts')];
  const leading = rule(
    'shop/reviews',
    '{ hosts: [reviews], http: [{ route: [{ destination: { host: accounts.bank.svc.cluster.local } }] }] }',
  );
  const own = sidecar('shop/x', '{ egress: [{ hosts: ["./*"] }] }');

  test('says where to add what', () => {
    expect(found([...two, leading, own])).toEqual([
      {
        code: 'WEFT0114',
        severity: 'error',
        field: 'spec.http[0].route[0].destination.host',
        message: 'accounts.bank.svc.cluster.local is not imported by the Sidecar of 1 client',
        hint: expect.stringMatching(/^add "bank\/accounts\.bank\.svc\.cluster\.local" at policies\/a\.yaml:\d+$/),
      },
    ]);
    expect(found([...two, leading, own], [])[0]?.message).toMatch(/ of clients in shop$/);
  });

  test.each([
    ['imported by name', sidecar('shop/x', '{ egress: [{ hosts: ["./*", "bank/accounts.bank.svc.cluster.local"] }] }')],
    ['everything imported', sidecar('shop/x', '{ egress: [{ hosts: ["*/*"] }] }')],
    ['no egress', sidecar('shop/x', '{ outboundTrafficPolicy: {} }')],
    [
      'imported behind a listener',
      sidecar(
        'shop/x',
        '{ egress: [{ port: { number: 80, protocol: HTTP }, hosts: ["bank/*"] }, { hosts: ["./*"] }] }',
      ),
    ],
    ['the host itself not imported', sidecar('shop/x', '{ egress: [{ hosts: ["~/*"] }] }')],
    ['another namespace’s', sidecar('zoo/x', '{ egress: [{ hosts: ["./*"] }] }')],
  ])('not told: %s', (_, document) => {
    expect(found([...two, leading, document]).filter(({ code }) => code === 'WEFT0114')).toEqual([]);
  });

  test('only of rules that act for these clients (P9), of tcp rules and mirrors as well', () => {
    const visible = (exportTo: string, more: string) =>
      rule('bank/x', `{ hosts: [reviews.shop.svc.cluster.local], exportTo: ["${exportTo}"], ${more} }`);
    const route = 'http: [{ route: [{ destination: { host: accounts } }] }]';
    expect(found([...two, own, visible('.', route)])).toEqual([]);
    expect(found([...two, own, visible('*', route)])).toMatchObject([{ code: 'WEFT0114' }]);
    const elsewhere = 'http: [{ match: [{ sourceNamespace: bank }], route: [{ destination: { host: accounts } }] }]';
    expect(found([...two, own, visible('*', elsewhere)])).toEqual([]);
    const mirror =
      'http: [{ route: [{ destination: { host: reviews.shop.svc.cluster.local } }], mirrors: [{ destination: { host: accounts } }] }]';
    expect(found([...two, own, visible('*', mirror)])).toMatchObject([
      { field: 'spec.http[0].mirrors[0].destination.host' },
    ]);
    // The consumer's own goes first, and it leads to what is there.
    const consumer = rule(
      'shop/x',
      '{ hosts: [reviews], exportTo: ["."], http: [{ route: [{ destination: { host: reviews } }] }] }',
    );
    expect(found([...two, own, visible('*', route), consumer])).toEqual([]);
  });
});

describe('ingress', () => {
  const ingress = (port: string) => sidecar('shop/x', `{ ingress: [{ port: ${port} }] }`);
  const reviews = workload('reviews-1.shop', {
    labels: { app: 'reviews' },
    granted: { app: 'reviews' },
    service: 'reviews',
  });

  test('WEFT0113: a port that a workload did not join with', () => {
    expect(found([ingress('{ number: 7070, protocol: HTTP }')], [reviews])).toMatchObject([
      {
        code: 'WEFT0113',
        severity: 'warning',
        field: 'spec.ingress[0].port',
        hint: expect.stringContaining('weft run --port 7070'),
      },
    ]);
    expect(found([ingress('{ number: 9080, protocol: HTTP }')], [reviews])).toEqual([]);
  });

  test('WEFT0184: a Service says another protocol of the port', () => {
    const documents = [service('shop/reviews'), ingress('{ number: 9080, protocol: TCP }')];
    expect(found(documents, [reviews])).toMatchObject([
      { code: 'WEFT0184', severity: 'warning', message: 'workload port 9080 is tcp for its Sidecar, http for reviews' },
    ]);
    expect(found([service('shop/reviews'), ingress('{ number: 9080 }')], [reviews])).toEqual([]);
  });

  test('WEFT0127: a selector that no workload has', () => {
    const nobody = sidecar('shop/x', '{ workloadSelector: { labels: { app: revews } }, outboundTrafficPolicy: {} }');
    expect(found([nobody], [reviews])).toMatchObject([
      { code: 'WEFT0127', field: 'spec.workloadSelector', hint: 'nearest label: app: reviews' },
    ]);
  });
});

test('without a registry only what stands in the files is told', () => {
  const all = '{ egress: [{ hosts: ["./*", "./nobody.shop.svc.cluster.local"] }] }';
  const { policies } = parsePolicies([{ path: 'a.yaml', text: sidecar('shop/a', all) + sidecar('shop/b', all) }], {
    commit: '4f1c2ab',
    rootNamespace: 'istio-system',
    folders: 'free',
  });
  const codes = checkReferences(policies?.objects ?? [], undefined, undefined, settings).map(({ code }) => code);
  expect(codes).toEqual(['WEFT0183']);
});

describe('a socket that two sidecars of one machine open (WEFT0166)', () => {
  const on = (id: string, address: string, source: Workload['source'] = 'proxy') => ({
    ...workload(id, { labels: { app: 'frontend' }, ports: [] }),
    address,
    source,
  });
  const all = service('shop/reviews');
  const opening = (bind: string, more = '') =>
    sidecar(
      'shop/x',
      `{ ${more}egress: [{ port: { number: 0, name: http, protocol: HTTP }, bind: "${bind}", hosts: ["./*"] }] }`,
    );
  const twins = [on('b-1.shop', '10.0.0.5'), on('a-1.shop', '10.0.0.5')];
  const about = (bind: string, workloads: readonly Workload[], more = '') =>
    found([all, opening(bind, more)], workloads).filter(({ code }) => code === 'WEFT0166');

  test('is told with the two and the path', () => {
    expect(about('unix:///run/shop.sock', twins)).toEqual([
      {
        code: 'WEFT0166',
        severity: 'warning',
        field: 'spec.egress[0].bind',
        message:
          'a-1.shop and b-1.shop are on one machine (10.0.0.5): the second Envoy takes /run/shop.sock over in silence, and calls of both leave under its identity',
        hint: 'select one of them by workloadSelector, or write an abstract name, which the second is refused: unix://@shop.sock',
      },
    ]);
    expect(about('unix:///run/a.sock', [on('a.shop', '127.0.0.1'), on('b.shop', '127.0.0.2')])).toHaveLength(1);
  });

  test('not of abstract names, other machines, workloads without a sidecar, or one that is selected', () => {
    expect(about('unix://@shop', twins)).toEqual([]);
    expect(about('unix:///run/a.sock', [on('a.shop', '10.0.0.5'), on('b.shop', '10.0.0.6')])).toEqual([]);
    expect(about('unix:///run/a.sock', [on('a.shop', '10.0.0.5'), on('b.shop', '10.0.0.5', 'file')])).toEqual([]);
    expect(about('unix:///run/a.sock', twins, 'workloadSelector: { labels: { app: other } }, ')).toEqual([]);
  });
});
