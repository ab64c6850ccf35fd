import { describe, expect, test } from 'vitest';
import { workload } from '../support/resolve-values.ts';
import { external, found, frontend, listener, service, sidecar } from '../support/sidecar-words.ts';

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
