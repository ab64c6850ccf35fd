import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startAdminServer } from '../../src/admin/admin-server.ts';
import type { AdminSource } from '../../src/admin/admin-source.ts';
import { locateAdminApi, locateXds } from '../../src/cli/locate-control-plane.ts';
import type { Diagnostic } from '../../src/model/diagnostic.ts';
import type { PolicyStatus } from '../../src/model/status.ts';
import type { EdgeRow } from '../../src/model/traffic.ts';
import { fakeSource, operatorTokenId } from '../support/fake-admin-source.ts';
import { fakeDump } from '../support/fake-dump.ts';
import { fakeMesh } from '../support/fake-mesh.ts';
import { proxyStatus, rejectedProxy, revision, withheldProxy } from '../support/fake-proxies.ts';
import { runVerb } from '../support/run-verb.ts';
import { selfSigned } from '../support/self-signed.ts';

/* The reading verbs against the real admin API over a real port; only the values behind it are made up. */

const folder = mkdtempSync(join(tmpdir(), 'weft-cli-'));
const edge: EdgeRow = {
  from: 'frontend',
  fromNamespace: 'shop',
  to: 'reviews',
  toNamespace: 'shop',
  protocol: 'http',
  requests: 3000,
  rps: 50,
  success: 0.99999,
  p50: 3.2,
  p95: 8,
  p99: 11,
  mtls: true,
  split: [
    { version: 'v1', requests: 2700, share: 0.9 },
    { version: 'v2', requests: 300, share: 0.1 },
  ],
  flags: [{ name: 'UT', count: 6 }],
  codes: [{ name: '200', count: 2994 }],
  reporter: 'source',
};
const values: {
  edges: readonly EdgeRow[];
  proxies: AdminSource['proxies'];
  diagnostics: readonly Diagnostic[];
  pending?: PolicyStatus['pending'];
  refused?: AdminSource['refused'];
  release?: AdminSource['release'];
  mesh?: ReturnType<typeof fakeMesh>;
} = {
  diagnostics: [],
  edges: [
    { ...edge, from: '(outside)', to: 'frontend', mtls: false, split: [], flags: [], success: 1, rps: 5.25 },
    edge,
  ],
  proxies: () => [proxyStatus('frontend-1', 'frontend'), proxyStatus('reviews-1', 'reviews'), rejectedProxy()],
};
const mesh = fakeMesh();
let server: Awaited<ReturnType<typeof startAdminServer>>;

beforeAll(async () => {
  const usual = fakeSource();
  const source = fakeSource({
    refused: () => (values.refused ?? usual.refused)(),
    release: (resource) => (values.release ?? usual.release)(resource),
    edges: () => values.edges,
    proxies: () => values.proxies(),
    mesh: () => values.mesh ?? mesh,
    policies: () => ({
      status: {
        repository: '/repo',
        serving: revision,
        objects: 9,
        files: 6,
        ...(values.pending && { pending: values.pending }),
      },
      history: [revision],
      diagnostics: values.diagnostics,
    }),
  });
  server = await startAdminServer(source, { loopbackReads: true, address: '127.0.0.1', port: 0 });
});
afterAll(async () => {
  await server.close();
  rmSync(folder, { recursive: true });
});

const weft = (line: string, env: NodeJS.ProcessEnv = {}, cwd = folder) =>
  runVerb(line.split(' '), { cwd, env: { WEFT_CP: server.url, ...env }, input: JSON.stringify(fakeDump()) });

describe('weft proxies', () => {
  it('is the table of section 2.3, and never only a mark', async () => {
    const { stdout, code } = await weft('proxies');
    const lines = stdout.split('\n');
    expect(code).toBe(0);
    expect(lines[0]?.split(/ +/)).toEqual(
      'NAME VERSION STATUS CDS LDS EDS RDS SDS REVISION ACK ENVOY VIA UP'.split(' '),
    );
    expect(lines[1]).toMatch(/^frontend-1.shop {2}v1 +SYNCED +√ +√ +√ +√ +√ +4f1c2ab +41ms +1.40.0 +cp-1 +\d/);
    expect(lines[3]).toMatch(/^reviews-2.shop {3}v2 +REJECTED +√ +× +√ +√ +√ +9ad03e1 +- /);
    expect(lines[5]).toBe('× reviews-2.shop  LDS in_9080: filter chain match rules are duplicated');
    expect(lines[6]).toMatch(
      /^ {4}where {2}policies\/reviews-jwt.yaml:9 {2}RequestAuthentication shop\/reviews-jwt, 4f1c2ab of .* ago; refused .* ago$/,
    );
    expect(lines[7]).toBe(
      '    state  keeps what it had from 9ad03e1; nothing is offered again until the content changes',
    );
    expect(lines[8]).toBe('    fix    change policies/reviews-jwt.yaml:9, or git revert 4f1c2ab');
  });

  it('X38 tells once of all who are not offered what an equal proxy refused, and of what is only one proxy’s own trouble', async () => {
    const before = values.proxies;
    const taken = { at: '2026-11-22T08:11:04.000Z', message: 'cannot bind', resources: ['out_shop_late_80'] };
    const alone = proxyStatus('frontend-1', 'frontend', { status: 'REJECTED' });
    const types = { ...alone.types, LDS: { ...alone.types.LDS, status: 'REJECTED' as const, error: taken } };
    values.proxies = () => [{ ...alone, types }, ...[3, 4, 5].map((index) => withheldProxy(`reviews-${index}`))];
    try {
      const { stdout } = await weft('proxies');
      const lines = stdout.split('\n');
      expect(lines[4]).toMatch(/^reviews-5.shop +v1 +REJECTED +√ +× +√ +√ +√ +- /);
      expect(lines[6]).toBe('× frontend-1.shop  LDS out_shop_late_80: cannot bind');
      expect(lines[9]).toBe(
        '    fix    remove the cause at frontend-1.shop, then weft nacks --release out_shop_late_80; or change what it refused',
      );
      expect(lines.slice(11, 12)).toEqual([
        '× reviews-3.shop and 2 more  LDS in_9080, refused by reviews-2.shop and so withheld here: filter chain match rules are duplicated',
      ]);
      expect(lines[13]).toBe('    state  keeps the version before; nothing is offered again until the content changes');
      expect((await weft('proxies --rejected -o name')).stdout.split('\n')).toHaveLength(5);
      expect((await weft('status')).stdout).toContain(
        'frontend-1.shop refused its configuration; reviews-3.shop and 2 more are not offered what another proxy refused',
      );
    } finally {
      values.proxies = before;
    }
  });

  it('tells all of one proxy, and of many refusals the first', async () => {
    const { stdout, code } = await weft('proxies reviews-2');
    const lines = stdout.split('\n');
    expect(code).toBe(0);
    expect(lines.slice(0, 3)).toEqual([
      'reviews-2.shop  REJECTED',
      '  service   reviews v2',
      '  identity  spiffe://demo.mesh/ns/shop/sa/reviews',
    ]);
    expect(lines[3]).toMatch(/^ {2}envoy {5}1\.40\.0 at 127\.0\.0\.1, connected to cp-1 for \d/);
    expect(lines[4]).toBe('  revision  9ad03e1, wanted 4f1c2ab');
    expect(lines[6]?.split(/ {2,}/)).toEqual([
      'TYPE',
      'STATUS',
      'RESOURCES',
      'WITHHELD',
      'VERSION',
      'SENT',
      'ACKNOWLEDGED',
    ]);
    expect(lines[8]).toMatch(/^LDS {3}REJECTED {2}2 {10}1 {9}b3f1 {5}- {5}-$/);
    expect(lines[15]).toBe('× reviews-2.shop  LDS in_9080: filter chain match rules are duplicated');
    expect(JSON.parse((await weft('proxies reviews-2.shop -o json')).stdout).items).toHaveLength(1);
    expect(await weft('proxies reviews-9.shop')).toMatchObject({ code: 2, stdout: '' });

    const before = values.proxies;
    const troubled = (name: string): ReturnType<typeof proxyStatus> => {
      const base = proxyStatus(name, 'reviews', { status: 'REJECTED' });
      const [at, message, resource] = ['2026-11-22T08:11:04.000Z', 'cannot bind', `in_${name}`];
      const error = { at, message, resources: [resource] };
      const withheld = [{ resource, version: 'b3f1', refusedBy: `${name}.shop`, own: true, at, message }] as const;
      return { ...base, types: { ...base.types, LDS: { ...base.types.LDS, status: 'REJECTED', error, withheld } } };
    };
    values.proxies = () => [1, 2, 3, 4, 5].map((index) => troubled(`reviews-${index}`));
    try {
      const many = (await weft('proxies')).stdout.split('\n');
      expect(many.filter((line) => line.startsWith('×'))).toHaveLength(3);
      expect(many.slice(-3)).toEqual([
        '',
        '2 more refusals: weft proxies reviews-4.shop tells of one proxy, -o wide of all',
        '',
      ]);
      // What is a proxy's own trouble is withheld too, though from nobody else, and until it comes again.
      const own = (await weft('proxies reviews-1.shop')).stdout.split('\n');
      expect(own[8]).toMatch(/^LDS +REJECTED +\d+ +1 /);
      expect(own.slice(-4, -1)).toEqual([
        expect.stringMatching(/^ {4}when {3}.* ago; no line of a policy is known to lead to it$/),
        '    state  has nothing older of that, keeps the rest as of 4f1c2ab; it is offered again when its content changes, or the proxy comes again',
        '    fix    remove the cause at reviews-1.shop, then weft nacks --release in_reviews-1; or change what it refused',
      ]);
      const wide = (await weft('proxies -o wide')).stdout;
      expect(wide.match(/^×/gm)).toHaveLength(5);
      expect(wide).toMatch(/^NAME .* UP +HEALTH +GROUP +SERVICE +ADDRESS +IDENTITY\n/);
    } finally {
      values.proxies = before;
    }
  });

  it('uses plain marks where the locale is not UTF-8, filters, prints names and JSON', async () => {
    expect((await weft('proxies', { LANG: 'C' })).stdout).toMatch(/reviews-2.shop .* ok +x +ok/);
    expect((await weft('proxies --rejected -o name')).stdout).toBe('reviews-2.shop\n');
    expect((await weft('proxies --stale -o name')).stdout).toBe('');
    expect((await weft('proxies -n other -o name')).stdout).toBe('');
    const { kind, items } = JSON.parse((await weft('proxies -o json')).stdout);
    expect([kind, items.length]).toEqual(['ProxyList', 3]);
  });
});

it('weft status exits 1 when something is rejected, 0 when all is well', async () => {
  const bad = await weft('status');
  expect(bad.code).toBe(1);
  const lines = bad.stdout.split('\n');
  expect(lines[0]).toMatch(/^policies {3}4f1c2ab {2}"reviews: canary to 10%" {2}ana, .* ago {2}Applied$/);
  expect(lines[1]).toBe('proxies    3 connected  2 SYNCED  1 REJECTED    last change on 2 of 3 in 41 ms');
  expect(lines[2]).toBe('health     Degraded     reviews-2.shop refused its configuration');
  expect(lines[3]).toBe('certs      0 valid      root until 2036-11-19');
  const before = values.proxies;
  values.proxies = () => [proxyStatus('frontend-1', 'frontend')];
  const good = await weft('status --wait -o json');
  values.proxies = before;
  expect(good.code).toBe(0);
  expect(JSON.parse(good.stdout)).toMatchObject({
    kind: 'Status',
    health: { state: 'Healthy' },
    policies: { serving: revision },
  });
  expect((await weft('status --wait --timeout 300ms')).code).toBe(1);
});

it('weft status --commit asks whether every proxy has what a commit says, and waits for it, healthy or not', async () => {
  const before = values.proxies;
  const full = `${revision.commit}${'0'.repeat(33)}`;
  const older = { status: 'PENDING', revision: { serving: '9ad03e1', wanted: revision.commit } } as const;
  let last: Parameters<typeof proxyStatus>[2] = older;
  values.proxies = () => [proxyStatus('frontend-1', 'frontend'), proxyStatus('reviews-1', 'reviews', last)];
  expect((await weft(`status --commit ${full}`)).code).toBe(1);
  const waiting = weft(`status --wait --commit ${full}`);
  setTimeout(() => {
    last = {};
  }, 300);
  const { code, stdout } = await waiting;
  expect([code, stdout.split('\n')[0]?.split(/ +/)[1]]).toEqual([0, revision.commit]);
  expect((await weft(`status --commit ${revision.commit}`)).code).toBe(0);
  expect((await weft(`status --commit ${'1'.repeat(40)}`)).code).toBe(1);
  values.pending = { ...revision, commit: '1111111', state: 'Rejected' };
  // Nobody waits for what was rejected.
  expect((await weft(`status --wait --timeout 60s --commit ${'1'.repeat(40)}`)).code).toBe(1);
  delete values.pending;
  values.proxies = before;
  // Named as git names it, where that is known.
  const { code: usage, stderr } = await weft('status --commit HEAD');
  expect([usage, stderr]).toEqual([
    2,
    expect.stringMatching(/WEFT0961 git knows no commit "HEAD" here[\s\S]*git rev-parse/),
  ]);
});

it('weft status --wait says what it waits for, once it is more than a moment', async () => {
  const before = values.proxies;
  const older = { status: 'PENDING', revision: { serving: '9ad03e1', wanted: revision.commit } } as const;
  const { types, ...late } = proxyStatus('reviews-1', 'reviews', older);
  const waiting = (of: Partial<Record<'CDS' | 'EDS', object>>) => ({
    ...late,
    types: { ...types, CDS: { ...types.CDS, ...of.CDS }, EDS: { ...types.EDS, ...of.EDS } },
  });
  const full = `${revision.commit}${'0'.repeat(33)}`;
  for (const [proxy, words] of [
    [waiting({ CDS: { status: 'PENDING' }, EDS: { status: 'STALE' } }), 'reviews-1.shop PENDING (CDS, EDS)'],
    [
      waiting({ CDS: { status: 'PENDING', removing: 1 }, EDS: { status: 'PENDING', removing: 1 } }),
      'reviews-1.shop PENDING (a cluster that nothing leads to any more: taken away some seconds later)',
    ],
  ] as const) {
    values.proxies = () => [proxy];
    const [commit, all] = await Promise.all([
      weft(`status --wait --timeout 1500ms --commit ${full}`),
      weft('status --wait --timeout 1500ms'),
    ]);
    expect([commit.code, commit.stderr]).toEqual([1, `waits: ${words}\n`]);
    expect([all.code, all.stderr]).toEqual([1, `waits: Progressing: ${words}\n`]);
  }
  values.proxies = before;
});

it('weft status counts the findings of the head as they are now; weft validate --live shows them', async () => {
  mkdirSync(join(folder, 'policies/shop'), { recursive: true });
  writeFileSync(
    join(folder, 'policies/shop/nobody.yaml'),
    'apiVersion: v1\nkind: Service\nmetadata: {name: nobody}\nspec:\n  selector: {app: nobody}\n  ports: [{name: http, port: 80}]\n',
  );
  const live = JSON.parse((await weft('validate --live -o json')).stdout);
  expect(live.items.map(({ code, severity }: Diagnostic) => [code, severity])).toEqual([['WEFT0205', 'warning']]);
  const [{ file, line, column, endLine, endColumn, ...finding }] = live.items;
  values.diagnostics = [{ ...finding, object: undefined, at: { file, line, column, endLine, endColumn } }];
  const { stdout } = await weft('status');
  const json = JSON.parse((await weft('status -o json')).stdout);
  values.diagnostics = [];
  expect(stdout.split('\n')[0]).toMatch(/ Applied {2}1 warning {2}weft validate --live$/);
  expect(json.findings).toEqual({ errors: 0, warnings: 1 });
});

it('a list that WEFT_NAMESPACE shortens says so; -n is seen in the command', async () => {
  for (const verb of ['proxies', 'edges', 'get services']) {
    const { stderr, code } = await weft(verb, { WEFT_NAMESPACE: 'bank' });
    expect([verb, code, stderr]).toEqual([
      verb,
      0,
      expect.stringContaining('only namespace bank, as WEFT_NAMESPACE says'),
    ]);
    expect((await weft(`${verb} -n bank`)).stderr).not.toContain('WEFT_NAMESPACE');
  }
});

it('finds the server that chose its own ports by what it left in the state dir', async () => {
  const at = mkdtempSync(join(tmpdir(), 'weft-cli-'));
  mkdirSync(join(at, '.weft/state'), { recursive: true });
  writeFileSync(join(at, '.weft/state/api-address'), `${server.url}\n`);
  writeFileSync(join(at, '.weft/state/xds-address'), '127.0.0.1:27012\n');
  const asked = { flag: undefined, env: {}, cwd: join(at, 'below') };
  expect(locateAdminApi(asked).href).toBe(`${server.url}/`);
  expect(locateXds(asked)).toEqual({ host: '127.0.0.1', port: 27_012 });
  expect(locateAdminApi({ ...asked, flag: '127.0.0.1:1' }).host).toBe('127.0.0.1:1');
  expect(locateAdminApi({ ...asked, env: { WEFT_CP: 'localhost:2' } }).host).toBe('localhost:2');
  writeFileSync(join(at, '.weft/state/operator.token'), `${operatorTokenId}.${'A'.repeat(43)}.${'B'.repeat(43)}\n`, {
    mode: 0o600,
  });
  const made = await weft('token create --service payments -n shop', { WEFT_CP: '' }, at);
  expect(made.stderr).toContain('join with it: weft run --cp https://127.0.0.1:27012 --token-file FILE -n shop');
  writeFileSync(join(at, 'weft.yaml'), 'stateDir: other\nadmin: {port: 25014}\nxds: {port: 25012}\n');
  expect([locateAdminApi(asked).port, locateXds(asked).port]).toEqual(['25014', 25_012]);
  mkdirSync(join(at, 'other'));
  writeFileSync(join(at, 'other/xds-address'), '::1:26012\n');
  expect(locateXds(asked)).toEqual({ host: '::1', port: 26_012 });
  rmSync(at, { recursive: true });
});

it('says that the xDS port is not that of the API', async () => {
  const { certificate, key } = selfSigned('xds.weft');
  const other = createServer({ cert: certificate, key, minVersion: 'TLSv1.3' });
  await new Promise<void>((done) => other.listen(0, '127.0.0.1', done));
  const address = other.address();
  const port = typeof address === 'object' ? address?.port : 0;
  for (const scheme of ['https', 'http']) {
    const { code, stderr } = await weft('status', { WEFT_CP: `${scheme}://127.0.0.1:${port}` });
    expect(code).toBe(2);
    expect(stderr).toContain(`WEFT0901 127.0.0.1:${port} is not the address of the API`);
    expect(stderr).toContain('fix    name the API, port 15014 by default: --cp http://127.0.0.1:15014');
  }
  other.close();
});

it('tells refused calls beside a success of 100 %', async () => {
  const before = values.edges;
  const codes = [
    { name: '403', count: 12 },
    { name: '200', count: 3 },
    { name: '429', count: 1 },
  ];
  values.edges = [{ ...edge, success: 1, split: [], flags: [], codes }];
  const { stdout } = await weft('edges');
  values.edges = before;
  expect(stdout.split('\n')[1]).toBe('frontend  reviews    50  100.00%  3ms  11ms  √     403 12  429 1');
});

it('weft edges is the table of the demo', async () => {
  const { stdout } = await weft('edges -t 5m');
  expect(stdout).toBe(
    [
      'FROM       TO        RPS   SUCCESS  P50  P99   MTLS',
      '(outside)  frontend   5.3  100.00%  3ms  11ms  -',
      'frontend   reviews     50   99.99%  3ms  11ms  √     v1 90%  v2 10%  UT 6',
      '',
    ].join('\n'),
  );
  expect(JSON.parse((await weft('edges --to reviews.shop -o json')).stdout).items).toHaveLength(1);
  expect((await weft('edges -t 2h')).code).toBe(2);
});

it('weft edges tells no calls of a service from no such service', async () => {
  const unknown = await weft('edges --to reviewz');
  expect(unknown.stderr).toContain('WEFT0920 no service "reviewz"');
  expect(unknown.stderr).toContain('did you mean "reviews"?');
  expect(unknown.code).toBe(2);
  const far = await weft('edges --from zzzzzzzz');
  expect(far.stderr).toContain('WEFT0920 no service "zzzzzzzz"');
  expect(far.stderr).toContain('weft get services lists them');
  const silent = await weft('edges --from reviews.shop');
  expect([silent.code, silent.stderr]).toEqual([0, expect.stringContaining('no calls in this time')]);
});

describe('weft proxy-config', () => {
  it('shows routes with the line that made them', async () => {
    const { stdout } = await weft('proxy-config routes frontend-1');
    expect(stdout).toBe(
      [
        'HOST     MATCH  CLUSTER               WEIGHT  FROM',
        'reviews  GET    reviews.shop_9080_v1  90      policies/reviews.yaml:1',
        'reviews  GET    reviews.shop_9080_v2  10      policies/reviews.yaml:1',
        'reviews  /old   redirect /new         -       -',
        '',
      ].join('\n'),
    );
  });

  it('shows every type, from the server or from a dump', async () => {
    writeFileSync(join(folder, 'dump.json'), JSON.stringify(fakeDump()));
    const all = (await weft('proxy-config all frontend-1.shop')).stdout;
    for (const text of [
      'out_21001  127.0.0.1:21001',
      'reviews.shop_9080_v1  EDS',
      '127.0.0.1:19081  HEALTHY',
      'secrets\nNAME',
    ]) {
      expect(all).toContain(text);
    }
    expect((await weft('proxy-config listeners --file dump.json -o name')).stdout).toBe('out_21001\n');
    expect((await weft('proxy-config endpoints --file - -o name')).stdout).toBe('reviews.shop_9080_v1\n');
    expect((await weft('proxy-config clusters --file dump.json --port 9081 -o name')).stdout).toBe('');
    expect(JSON.parse((await weft('proxy-config routes proxy/frontend-1 -o json')).stdout).configs).toHaveLength(1);
    const { configs } = JSON.parse((await weft('proxy-config all frontend-1 -o json')).stdout);
    expect(configs).toEqual(fakeDump().configs);
  });

  it('marks what is held since newer was refused', async () => {
    const { configs } = fakeDump();
    const state = { details: 'missing )', version_info: 'a9' };
    const refused = configs.map((part) => {
      const routes = part.dynamic_route_configs;
      if (!Array.isArray(routes)) return part;
      const failed = (name: string) => ({ ...state, failed_configuration: { name } });
      const [held] = routes;
      const missing = { error_state: failed('out_late'), client_status: 'NACKED' };
      return { ...part, dynamic_route_configs: [{ ...held, error_state: failed('reviews.shop_9080') }, missing] };
    });
    writeFileSync(join(folder, 'refused.json'), JSON.stringify({ configs: refused }));
    const { stdout } = await weft('proxy-config routes --file refused.json');
    expect(stdout.split('\n').slice(1)).toEqual([
      'reviews  GET    reviews.shop_9080_v1  90      Service/shop/reviews[canary]',
      'reviews  GET    reviews.shop_9080_v2  10      Service/shop/reviews[canary]',
      'reviews  /old   redirect /new         -       -',
      '× reviews.shop_9080 is held as it was (a2): its newest form was refused: missing )',
      '× out_late is not held: its newest form was refused: missing )',
      '',
    ]);
    expect((await weft('proxy-config routes --file refused.json -o name')).stdout).not.toContain('×');
  });

  it('says what was meant', async () => {
    expect((await weft('proxy-config route frontend-1 -o name')).code).toBe(0);
    const type = await weft('proxy-config lisners frontend-1');
    expect([type.code, type.stderr]).toEqual([
      2,
      '× WEFT0912 unknown type "lisners"\n    fix    did you mean "listeners"?\n',
    ]);
    const proxy = await weft('proxy-config routes frontend-2');
    expect(proxy.stderr).toBe('× WEFT0920 there is no proxy "frontend-2"\n    fix    did you mean "frontend-1"?\n');
    writeFileSync(join(folder, 'no.json'), '{}');
    expect((await weft('proxy-config all --file no.json')).stderr).toContain('is not a config dump');
    expect((await weft('proxy-config all --file missing.json')).stderr).toContain('cannot be read as JSON');
  });
});

it('weft env says that there is nothing to call before there is a service', async () => {
  values.mesh = { ...mesh, services: [] };
  const { code, stdout, stderr } = await weft('env frontend -n shop');
  delete values.mesh;
  expect([code, stdout, stderr]).toEqual([0, '', expect.stringContaining('there is no service yet')]);
});

it('weft env prints what the proxy listens for, in the words of the shell', async () => {
  expect((await weft('env frontend -n shop')).stdout).toBe('export REVIEWS_URL=http://127.0.0.1:21001\n');
  expect((await weft('env frontend-1 --shell fish')).stdout).toBe('set -gx REVIEWS_URL http://127.0.0.1:21001;\n');
  const { kind, items } = JSON.parse((await weft('env frontend-1.shop -o json')).stdout);
  expect([kind, items]).toEqual([
    'EnvList',
    [{ name: 'REVIEWS_URL', value: 'http://127.0.0.1:21001', host: 'reviews.shop.svc.cluster.local' }],
  ]);
});

it('weft describe asks the server, which knows who is connected', async () => {
  const { stdout, code } = await weft('describe svc reviews');
  expect([stdout, code]).toEqual(['', 2]);
  expect((await weft('describe services reviews -n shop')).stdout).toBe('service reviews\n\nrows\n  a row\n');
  expect(JSON.parse((await weft('describe proxy frontend-1 -o json')).stdout)).toMatchObject({
    kind: 'Description',
    subject: 'workload frontend-1',
  });
});

it('weft get lists every kind', async () => {
  for (const kind of [
    'services',
    'workloads',
    'policies',
    'sidecars',
    'certs',
    'proxies',
    'ports',
    'sources',
    'mesh',
  ]) {
    expect((await weft(`get ${kind}`)).code, kind).toBe(0);
  }
  expect((await weft('get service')).stdout).toMatch(
    /^NAME +PORTS +WORKLOADS +MTLS +POLICIES +AGE\nfrontend.shop +9080\/http +1 +all/,
  );
  expect((await weft('get policy -o name')).stdout).toBe('Service/shop/reviews\n');
  expect((await weft('get mesh')).stdout).toMatch(/^rootNamespace +istio-system {2}default:D16$/m);
  expect((await weft('get servces')).stderr).toContain('did you mean "services"?');
  // One of them, whole, without its namespace, or by its host.
  for (const name of ['reviews', 'reviews.shop', 'reviews.shop.svc.cluster.local'])
    expect((await weft(`get services ${name} -o name`)).stdout).toBe('reviews.shop\n');
  expect((await weft('get policies Service/shop/reviews -o name')).stdout).toBe('Service/shop/reviews\n');
  expect((await weft('get services revews')).stderr).toContain('did you mean "reviews"?');
});

it('needs a token for what an operator may see, and takes it from the folder of weft up', async () => {
  const denied = await weft('get tokens');
  expect([denied.code, denied.stderr.split('\n')[0]]).toEqual([2, '× WEFT0902 this address needs a token']);
  expect(denied.stderr).toContain('run it in the folder of weft up, or --token-file .weft/state/operator.token');
  writeFileSync(join(folder, 'operator.token'), `${operatorTokenId}.${'A'.repeat(43)}.${'B'.repeat(43)}\n`, {
    mode: 0o600,
  });
  const { stdout, stderr } = await weft('get tokens --token-file operator.token');
  expect(stderr).toBe('');
  expect(stdout).toContain('9f2  credential  spiffe://demo.mesh/ns/shop/sa/payments');
});

it('weft nacks lists what is refused, and offers it again for an operator', async () => {
  const [titles, row] = (await weft('nacks')).stdout.split('\n');
  expect(titles?.split(/ +/)).toEqual(['RESOURCE', 'TYPE', 'REFUSED-BY', 'SINCE', 'KEPT-FROM', 'FROM', 'REASON']);
  expect(row).toMatch(/^in_9080 +LDS +reviews-2\.shop +.* ago +equals +- +filter chain match rules are duplicated$/);
  expect((await weft('nacks -o name')).stdout).toBe('in_9080\n');
  expect((await weft('nacks --release in_9080')).code).toBe(2);
  writeFileSync(join(folder, 'nacks.token'), `${operatorTokenId}.${'A'.repeat(43)}.${'B'.repeat(43)}\n`, {
    mode: 0o600,
  });
  const released = await weft('nacks --release in_9080 --token-file nacks.token');
  expect(released).toMatchObject({
    code: 0,
    stdout: 'in_9080: 1 refusal is forgotten, and reviews-2.shop is told to come again\n',
    stderr: '',
  });
  const json = JSON.parse((await weft('nacks --release in_9080 --token-file nacks.token -o json')).stdout);
  expect(json).toMatchObject({ kind: 'Released', resource: 'in_9080', released: 1, proxies: ['reviews-2.shop'] });
  const none = await weft('nacks --release in_9081 --token-file nacks.token');
  expect(none.code).toBe(2);
  expect(none.stderr).toMatch(
    /^× WEFT0920 nothing was refused of "in_9081"\n.*\n {4}fix {4}did you mean "in_9080"\?\n$/,
  );
});

it.each([
  [2, [], '2 refusals are forgotten, so it is offered again'],
  [1, ['a.shop', 'b.shop'], '1 refusal is forgotten, and a.shop, b.shop are told to come again'],
  [
    0,
    ['payments-1.shop'],
    'payments-1.shop is told to come again, and then offered it once more; the cause was its own machine, so nobody else was kept from it',
  ],
  [
    0,
    ['a.shop', 'b.shop'],
    'a.shop, b.shop are told to come again, and then offered it once more; the cause was its own machine in each case, so nobody else was kept from it',
  ],
])(
  'weft nacks --release says what was done: %i forgotten, told to come again: %j',
  async (released, proxies, words) => {
    writeFileSync(join(folder, 'nacks.token'), `${operatorTokenId}.${'A'.repeat(43)}.${'B'.repeat(43)}\n`, {
      mode: 0o600,
    });
    values.release = (resource) => ({ resource, released, proxies });
    try {
      const { stdout } = await weft('nacks --release in_9080 --token-file nacks.token');
      expect(stdout).toBe(`in_9080: ${words}\n`);
    } finally {
      delete values.release;
    }
  },
);

it('weft nacks says so where nothing was refused; what is read by programs is an empty list', async () => {
  values.refused = () => [];
  try {
    const none = await weft('nacks');
    expect(none.stdout).toMatch(/^RESOURCE .*\n$/);
    expect(none).toMatchObject({ code: 0, stderr: 'nothing was refused\n' });
    expect(JSON.parse((await weft('nacks -o json')).stdout)).toMatchObject({ kind: 'RefusedResourceList', items: [] });
    expect((await weft('nacks -o name')).stdout).toBe('');
  } finally {
    delete values.refused;
  }
});

it('says so when nobody answers', async () => {
  const { code, stderr } = await weft('status', { WEFT_CP: 'http://127.0.0.1:9' });
  expect(code).toBe(2);
  expect(stderr).toMatch(/^× WEFT0901 the control plane at 127.0.0.1:9 cannot be reached/);
  const json = await weft('status -o json', { WEFT_CP: 'http://127.0.0.1:9' });
  expect(JSON.parse(json.stdout)).toMatchObject({ kind: 'Error', code: 'WEFT0901' });
});
