import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { AuthorizationAnswer } from '../../src/model/authorization-answer.ts';
import type { PairCheck } from '../../src/model/check-answer.ts';
import { issuerKey, keySet } from '../support/json-web-token.ts';
import { runVerb } from '../support/run-verb.ts';

const folder = mkdtempSync(join(tmpdir(), 'weft-authz-'));
const service = (name: string, port: string) => `apiVersion: v1
kind: Service
metadata: {name: ${name}, namespace: shop}
spec: {selector: {app: ${name}}, ports: [${port}]}
---
`;
const shop = `${service('reviews', '{name: http, port: 9080}')}${service('frontend', '{name: http, port: 80}')}${service('catalog', '{name: http, port: 80}')}${service('db', '{name: tcp-sql, port: 5432}')}${service('old', '{name: http, port: 80}')}${service('api', '{name: http, port: 80}')}apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: shop}
spec: {mtls: {mode: STRICT}}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: reviews-callers, namespace: shop}
spec:
  selector: {matchLabels: {app: reviews}}
  rules:
    - from: [{source: {principals: [cluster.local/ns/shop/sa/frontend]}}]
      to: [{operation: {methods: [GET], paths: [/reviews/*]}}]
    - from: [{source: {ipBlocks: [10.0.0.0/8]}}]
      to: [{operation: {paths: [/metrics]}}]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: no-admin, namespace: shop}
spec:
  action: DENY
  selector: {matchLabels: {app: reviews}}
  rules: [{to: [{operation: {paths: [/admin*]}}]}]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: db-callers, namespace: shop}
spec:
  selector: {matchLabels: {app: db}}
  rules: [{from: [{source: {principals: [cluster.local/ns/shop/sa/reviews]}}]}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: old, namespace: shop}
spec:
  hosts: [old]
  http: [{name: moved, rewrite: {uri: /reviews/1, authority: reviews}, route: [{destination: {host: reviews, port: {number: 9080}}}]}]
---
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: tokens, namespace: shop}
spec:
  selector: {matchLabels: {app: api}}
  jwtRules: [{issuer: "https://a.example", audiences: [shop], jwks: '${keySet(issuerKey('one'))}'}]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: api-users, namespace: shop}
spec:
  selector: {matchLabels: {app: api}}
  rules:
    - from: [{source: {requestPrincipals: ["https://a.example/*"]}}]
      to: [{operation: {methods: [HEAD]}}]
    - from: [{source: {requestPrincipals: ["https://a.example/*"]}}]
      to: [{operation: {methods: [POST]}}]
      when: [{key: "request.auth.claims[scope]", values: [buy]}]
    - from: [{source: {requestPrincipals: ["https://a.example/*"]}}]
      when: [{key: "request.auth.claims[scope]", values: [read]}]
---
${service('closed', '{name: http, port: 80}')}apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: nothing, namespace: shop}
spec:
  selector: {matchLabels: {app: closed}}
`;
const [callersLine, metricsLine, modeLine] = ['sa/frontend]', '10.0.0.0/8', 'mode: STRICT'].map(
  (text) => shop.slice(0, shop.indexOf(text)).split('\n').length,
);

beforeAll(() => writeFileSync(join(folder, 'shop.yaml'), shop));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const run = (...words: readonly string[]) => runVerb([...words, '-f', 'shop.yaml', '-n', 'shop'], { cwd: folder });
async function authz(...words: readonly string[]): Promise<AuthorizationAnswer> {
  const { stdout } = await run('authz', ...words, '-o', 'json');
  return JSON.parse(stdout) as AuthorizationAnswer;
}
async function outcome(...words: readonly string[]): Promise<string> {
  const { answers, outcome: said } = await authz(...words);
  const [first] = answers;
  return [said, ...(first === undefined ? [] : [first.why, first.status, first.rule?.id ?? first.nearest?.id])]
    .filter((part) => part !== undefined)
    .join(' ');
}
const reviews = ['--to', 'reviews:9080'];
const ofCallers = (index: number) => `ns[shop]-policy[reviews-callers]-rule[${index}]`;

it('says which rule comes nearest, with its line, and what of the call it does not allow', async () => {
  const { code, said } = await run(
    'authz',
    '--from',
    'frontend',
    ...reviews,
    '--method',
    'POST',
    '--path',
    '/reviews/7',
  );
  expect(code).toBe(1);
  expect(said.split('\n').map((line) => line.replace(/ {3,}/g, '  ').trimEnd())).toEqual([
    'POST http://reviews:9080/reviews/7  from cluster.local/ns/shop/sa/frontend',
    '',
    'reviews.shop port 9080',
    '  × refused (403): no ALLOW rule matches',
    `  nearest ${ofCallers(0)}: caller=cluster.local/ns/shop/sa/frontend, method=GET and path=/reviews/*  shop.yaml:${callersLine}`,
    '  × method=GET? it is "POST"',
    `  mtls STRICT: the caller shows its identity  shop.yaml:${modeLine}`,
    '',
  ]);
});

it('allows, refuses and asks as the rules of P39 do', async () => {
  const get = [...reviews, '--path', '/reviews/7'];
  expect(await outcome('--from', 'frontend', ...get)).toBe(`allowed allow ${ofCallers(0)}`);
  expect(await outcome('--from', 'frontend.shop', ...get)).toBe(`allowed allow ${ofCallers(0)}`);
  expect(await outcome('--from', 'cluster.local/ns/shop/sa/frontend', ...get)).toBe(`allowed allow ${ofCallers(0)}`);
  expect(await outcome('--from', 'spiffe://cluster.local/ns/shop/sa/frontend', ...get)).toBe(
    `allowed allow ${ofCallers(0)}`,
  );
  expect(await outcome('--from', 'catalog', ...get)).toBe(`refused no-allow-rule 403 ${ofCallers(0)}`);
  expect(await outcome('--from', 'frontend', ...reviews, '--path', '/x/../admin/x')).toBe(
    'refused deny 403 ns[shop]-policy[no-admin]-rule[0]',
  );
  expect(await outcome(...get)).toBe('refused strict closed');
  expect(await outcome('--from', 'reviews', '--to', 'db')).toBe('allowed allow ns[shop]-policy[db-callers]-rule[0]');
  expect(await outcome('--from', 'frontend', '--to', 'db')).toBe(
    'refused no-allow-rule closed ns[shop]-policy[db-callers]-rule[0]',
  );
  expect(await outcome('--from', 'reviews', '--to', 'frontend')).toBe('allowed no-allow-policy');
});

it('of rules that are equally near the one of the operation is named, then the one of the caller', async () => {
  const tied = join(folder, 'tied.yaml');
  const rule = (account: string, operation?: string) =>
    `    - from: [{source: {principals: [cluster.local/ns/shop/sa/${account}]}}]\n${operation === undefined ? '' : `      to: [{operation: ${operation}}]\n`}`;
  writeFileSync(
    tied,
    `${service('reviews', '{name: http, port: 9080}')}${service('frontend', '{name: http, port: 80}')}apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: tied, namespace: shop}
spec:
  selector: {matchLabels: {app: reviews}}
  rules:
${rule('admin')}${rule('frontend', '{paths: [/a*]}')}${rule('batch', '{paths: [/b*]}')}`,
  );
  const nearest = async (path: string) => {
    const words = ['authz', '-f', tied, '-n', 'shop', '--from', 'frontend', ...reviews, '--path', path, '-o', 'json'];
    const { stdout } = await runVerb(words, { cwd: folder });
    return (JSON.parse(stdout) as AuthorizationAnswer).answers[0]?.nearest?.id;
  };
  expect(await nearest('/b/1')).toBe('ns[shop]-policy[tied]-rule[2]');
  expect(await nearest('/c')).toBe('ns[shop]-policy[tied]-rule[1]');
});

it('says "unknown" where a rule asks for what was not said, and decides once it is', async () => {
  const metrics = ['--from', 'catalog', ...reviews, '--path', '/metrics'];
  const asked = await authz(...metrics);
  expect(asked.outcome).toBe('unknown');
  expect(asked.answers[0]?.depends).toMatchObject([{ id: ofCallers(1), by: { line: metricsLine } }]);
  expect(await outcome(...metrics, '--address', '10.1.2.3')).toBe(`allowed allow ${ofCallers(1)}`);
  expect(await outcome(...metrics, '--address', '192.0.2.1')).toMatch(/^refused no-allow-rule 403/);
});

it('takes claims for those of a verified token, as rules see them (P44, P49)', async () => {
  const api = async (claims: object) =>
    await authz(
      '--from',
      'frontend',
      '--to',
      'api',
      '--claims',
      JSON.stringify({ iss: 'https://a.example', ...claims }),
    );
  const good = { sub: 'ana', aud: 'shop', scope: 'write read' };
  expect((await api(good)).answers[0]).toMatchObject({
    outcome: 'allowed',
    rule: { id: 'ns[shop]-policy[api-users]-rule[2]' },
  });
  expect((await api({ ...good, scope: 'write' })).answers[0]?.nearest?.fails).toEqual([
    'claim scope=read? it is "write"',
  ]);
  expect((await api({ ...good, aud: 'bank' })).answers[0]).toMatchObject({ why: 'answered', status: 401 });
  expect((await api({ ...good, iss: 'https://b.example' })).answers[0]).toMatchObject({ why: 'answered', status: 401 });
  expect(await outcome('--from', 'frontend', '--to', 'api')).toMatch(/^refused no-allow-rule 403/);
  // Of rules that fail by one condition: the one about the method that was asked for.
  const buying = [
    '--from',
    'frontend',
    '--to',
    'api',
    '--method',
    'POST',
    '--claims',
    '{"iss":"https://a.example","sub":"b","aud":"shop"}',
  ];
  expect(await outcome(...buying)).toBe('refused no-allow-rule 403 ns[shop]-policy[api-users]-rule[1]');
  const unseen = await authz('--from', 'reviews', '--to', 'frontend', '--claims', '{"iss":"https://a.example"}');
  expect(unseen.notes).toEqual(['no RequestAuthentication looks at tokens: no rule sees these claims (WEFT0161)']);
});

it('judges what the caller’s sidecar sends on, not what the program wrote', async () => {
  const moved = await authz('--from', 'frontend', '--to', 'old');
  expect(moved).toMatchObject({ outcome: 'allowed', answers: [{ service: 'reviews.shop', port: 9080 }] });
  expect(moved.notes).toEqual(['VirtualService/shop/old[moved] sends the path "/reviews/1", sends the host "reviews"']);
});

it('names the policy that closes a port, where none has a rule for it', async () => {
  const line = shop.split('\n').length - 2;
  const lines = async (verb: string) =>
    (await run(verb, '--from', 'frontend', '--to', 'closed')).said
      .split('\n')
      .map((each) => each.replace(/ {2,}/g, '  '));
  expect(await lines('authz')).toContain(
    `  × refused (403): no ALLOW rule is for this port (AuthorizationPolicy/shop/nothing)  shop.yaml:${line}`,
  );
  const who = 'cluster.local/ns/shop/sa/frontend';
  const said = await lines('check');
  expect(said).toContain(`× authz  403: no ALLOW rule lets in spiffe://${who}  shop.yaml:${line}`);
  expect(said).toContain(`  fix  no ALLOW rule is for this port: write one that names ${who}`);
});

it('says that the authorizer does not answer who asks it, and what becomes of the call then', async () => {
  const judged = mkdtempSync(join(tmpdir(), 'weft-judged-'));
  const policy = (app: string, spec: string) => `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: ${app}, namespace: shop}
spec:
  selector: {matchLabels: {app: ${app}}}
  ${spec}
---
`;
  const mode = `apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: shop}
spec: {mtls: {mode: STRICT}}
---
`;
  const services = `${service('pay', '{name: http, port: 80}')}${service('judge', '{name: http, port: 80}')}${service('web', '{name: http, port: 80}')}${mode}`;
  const custom = policy(
    'pay',
    'action: CUSTOM\n  provider: {name: judge}\n  rules: [{to: [{operation: {methods: [POST]}}]}]',
  );
  const callers = (account: string) =>
    policy('judge', `rules: [{from: [{source: {principals: [cluster.local/ns/shop/sa/${account}]}}]}]`);
  const write = (judge: string, provider = 'envoyExtAuthzHttp', more = '') => {
    mkdirSync(join(judged, 'policies/shop'), { recursive: true });
    writeFileSync(join(judged, 'policies/shop/shop.yaml'), services + custom + judge);
    const spec = `{service: judge.shop.svc.cluster.local, port: 80${more}}`;
    writeFileSync(
      join(judged, 'policies/meshconfig.yaml'),
      `extensionProviders: [{name: judge, ${provider}: ${spec}}]\n`,
    );
  };
  const asked = async (verb: string) => {
    const call = [verb, '--from', 'web', '--to', 'pay', '--method', 'POST', '-f', '.', '-n', 'shop'];
    const { code, said } = await runVerb(call, { cwd: judged });
    return [
      code,
      ...said
        .split('\n')
        .filter((line) => /judge/.test(line))
        .map((line) => line.trim().replace(/ {2,}/g, '  ')),
    ];
  };
  try {
    write(callers('pay'));
    expect(await asked('authz')).toEqual([0, expect.stringContaining('the authorizer judge decides')]);
    write(callers('web'));
    const refusal = '× judge.shop refuses pay.shop: no ALLOW rule lets it in  policies/shop/shop.yaml:';
    expect(await asked('authz')).toEqual([
      1,
      expect.stringMatching(
        /^× refused \(403\): the authorizer judge does not answer; it is asked because of ns\[shop\]-policy\[pay\]/,
      ),
      expect.stringContaining(refusal),
      'fix: let pay.shop call judge.shop',
    ]);
    expect(await asked('check')).toEqual([
      1,
      expect.stringMatching(
        /^× authz {2}403: the authorizer judge is asked, and does not answer {2}policies\/shop\/shop\.yaml:/,
      ),
      expect.stringContaining(refusal.replace('×', '× authz ')),
      'fix  let pay.shop call judge.shop',
    ]);
    write(callers('web'), 'envoyExtAuthzGrpc', ', statusOnError: "503"');
    expect((await asked('authz'))[1]).toContain('× refused (503)');
    write(callers('web'), 'envoyExtAuthzGrpc', ', failOpen: true');
    expect((await asked('authz'))[1]).toContain('allowed by failOpen: the authorizer judge does not answer');
  } finally {
    rmSync(judged, { recursive: true });
  }
}, 60_000);

it('tells what is no call', async () => {
  const wrong = async (...words: readonly string[]) => (await run('authz', ...words)).stderr;
  expect(await wrong(...reviews, '--address', 'here')).toContain('--address "here" is no address');
  expect(await wrong(...reviews, '--claims', '[1]')).toContain('--claims [1] is no JSON object');
  expect(await wrong(...reviews, '--from', 'nobody')).toContain('nobody');
});

it.each([
  [['--method', 'POST']],
  [['--path', '/reviews']],
  [['--header', 'end-user: ana']],
  [['--address', '10.0.0.1']],
  [['--claims', '{}']],
])('weft check %j asks about no call', async (words) => {
  const { code, said } = await runVerb(['check', ...words], { cwd: folder });
  expect([code, said]).toEqual([2, expect.stringContaining('without --to')]);
});

it('says of a caller of another trust domain that rules are not all', async () => {
  const stranger = await authz('--from', 'other.domain/ns/shop/sa/frontend', '--to', 'frontend');
  expect(stranger.notes).toEqual([expect.stringContaining('other.domain is no trust domain of this mesh')]);
  const { said } = await run('check', '--from', 'other.domain/ns/shop/sa/frontend', '--to', 'frontend');
  expect(said).toMatch(/^‼ mTLS .*other\.domain is no trust domain of this mesh/m);
  expect((await authz('--from', 'cluster.local/ns/shop/sa/nobody', '--to', 'frontend')).notes).toEqual([]);
});

it('says of a host or a port that nobody has what weft route says, exit code included', async () => {
  const around = mkdtempSync(join(tmpdir(), 'weft-unknown-'));
  mkdirSync(join(around, 'policies'));
  writeFileSync(join(around, 'policies/shop.yaml'), shop);
  const asked = async (verb: string, to: string) => {
    const call = [verb, '--from', 'frontend', '--to', to, '-f', '.', '-n', 'shop'];
    const { code, said } = await runVerb(call, { cwd: around });
    const lines = said.split('\n').map((line) => line.trim().replace(/ {2,}/g, '  '));
    return [code, ...lines.filter((line) => /^(- |.*unknown host)/.test(line))];
  };
  writeFileSync(join(around, 'weft.yaml'), 'policy: {path: policies, folders: free}\n');
  try {
    const fate = '- it goes to where the name itself leads, without any rule (P48)';
    const passed = '‼ unknown host, passed on  default:D18';
    const meant = ['- this caller knows no service called "reveiws"', '- did you mean "reviews"?'];
    expect(await asked('authz', 'reveiws')).toEqual([0, passed, ...meant, fate]);
    expect(await asked('authz', 'reviews:81')).toEqual([
      0,
      passed,
      '- reviews.shop has no such port: it has 9080 http',
      fate,
    ]);
    const hosts = ['reveiws', 'reviews:81', 'nobody.example'];
    for (const to of hosts) expect(await asked('authz', to)).toEqual(await asked('route', to));
    writeFileSync(join(around, 'policies/meshconfig.yaml'), 'outboundTrafficPolicy: {mode: REGISTRY_ONLY}\n');
    expect(await asked('authz', 'reveiws')).toEqual([
      1,
      '× 502: unknown host, refused  policies/meshconfig.yaml:1',
      ...meant,
      '- the sidecar answers 502 (P48)',
    ]);
    for (const to of hosts) expect(await asked('authz', to)).toEqual(await asked('route', to));
  } finally {
    rmSync(around, { recursive: true });
  }
}, 60_000);

it('weft check says of each step who decides it, and what to do about a bad one', async () => {
  const { code, said } = await run('check', '--from', 'catalog', ...reviews, '--path', '/reviews/1');
  expect(code).toBe(1);
  expect(said.split('\n').map((line) => line.replace(/ {2,}/g, '  ').trimEnd())).toEqual([
    '√ knows  catalog knows reviews.shop  who is well is not known from files',
    '√ route  default route -> reviews.shop  default:P10',
    `√ mTLS  STRICT at reviews.shop: the caller is cluster.local/ns/shop/sa/catalog  shop.yaml:${modeLine}`,
    `× authz  403: no ALLOW rule lets in spiffe://cluster.local/ns/shop/sa/catalog  nearest: caller=cluster.local/ns/shop/sa/frontend? it is "cluster.local/ns/shop/sa/catalog"  shop.yaml:${callersLine}`,
    '  fix  add cluster.local/ns/shop/sa/catalog to spec.rules[0].from[0].source.principals',
    '',
  ]);
  const good = await run('check', '--from', 'frontend', ...reviews, '--path', '/reviews/1');
  expect([good.code, good.said.match(/^√/gm)?.length]).toEqual([0, 4]);
  const { stdout } = await run('check', ...reviews, '-o', 'json');
  expect((JSON.parse(stdout) as PairCheck).lines.map(({ name, result }) => `${name} ${result}`)).toEqual([
    'knows good',
    'route good',
    'mTLS bad',
    'authz bad',
  ]);
  expect((await run('check', '--from', 'frontend', '--to', 'nobody')).said).toContain('frontend does not know nobody');
});
