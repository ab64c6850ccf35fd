import { describe, expect, test } from 'vitest';
import type { Workload } from '../../src/model/workload.ts';
import { parsePolicies } from '../../src/policy/parse-policies.ts';
import { checkReferences } from '../../src/policy/references.ts';
import { settings, workload } from '../support/resolve-values.ts';
import { found, rule, service, sidecar } from '../support/sidecar-words.ts';

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
