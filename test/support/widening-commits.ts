import { issuerKey, keySet } from './json-web-token.ts';

/** Two states of a policy tree, of which the second lets in somebody whom the first refuses, and nobody the other way round. */
export interface WideningCommit {
  readonly name: string;
  readonly narrow: PolicyTexts;
  readonly wide: PolicyTexts;
}

/** By path below `policies/`. */
export type PolicyTexts = Readonly<Record<string, string>>;

type Spec = Readonly<Record<string, unknown>>;

const security = 'security.istio.io/v1';
const object = (
  kind: string,
  name: string,
  spec: Spec,
  more: { readonly group?: string; readonly annotations?: Spec } = {},
) => ({
  apiVersion: more.group ?? security,
  kind,
  metadata: { name, ...(more.annotations && { annotations: more.annotations }) },
  spec,
});
const authorization = (name: string, spec: Spec, annotations?: Spec) =>
  object('AuthorizationPolicy', name, spec, annotations && { annotations });
const peers = (spec: Spec) => object('PeerAuthentication', 'mode', spec);
const mode = (word: string) => peers({ mtls: { mode: word } });
const tokens = (...jwtRules: readonly Spec[]) => object('RequestAuthentication', 'tokens', { jwtRules });
const networking = 'networking.istio.io/v1';

/** One file for each namespace; what every state has. */
function state(own: readonly object[], others: Readonly<Record<string, readonly object[]>> = {}): PolicyTexts {
  const service = {
    ...object(
      'Service',
      'reviews',
      { selector: { app: 'reviews' }, ports: [{ name: 'http', port: 9080 }] },
      { group: 'v1' },
    ),
  };
  const files = { shop: [service, ...own], ...others };
  return Object.fromEntries(
    Object.entries(files).map(([namespace, objects]) => [
      namespace === 'meshconfig' ? 'meshconfig.yaml' : `${namespace}/all.yaml`,
      objects.map((each) => JSON.stringify(each)).join('\n---\n'),
    ]),
  );
}

/** One rule of the ALLOW policy `callers` before and after, with what else the namespace has. */
function ofRule(name: string, before: Spec, after: Spec, also: readonly object[] = []): WideningCommit {
  const allow = (rule: Spec) =>
    state([...also, authorization('callers', { selector: { matchLabels: { app: 'reviews' } }, rules: [rule] })]);
  return { name, narrow: allow(before), wide: allow(after) };
}

function of(name: string, before: readonly object[], after: readonly object[]): WideningCommit {
  return { name, narrow: state(before), wide: state(after) };
}

const fe = 'cluster.local/ns/shop/sa/frontend';
const source = (spec: Spec) => [{ source: spec }];
const from = (spec: Spec) => ({ from: source(spec) });
const to = (spec: Spec) => ({ to: [{ operation: spec }] });
const when = (key: string, values: readonly string[], also: Spec = {}) => ({ when: [{ key, values }], ...also });
const caller = from({ principals: [fe] });
const closed = authorization('closed', {});
const deny = (rules: readonly Spec[], more: Spec = {}) => authorization('never', { action: 'DENY', ...more, rules });
const jwks = keySet(issuerKey('one'));
const strict = mode('STRICT');
const issuer = (name: string, more: Spec = {}) => ({ issuer: `https://${name}.example`, jwks, ...more });
const anyToken = authorization('callers', { rules: [from({ requestPrincipals: ['*'] })] });
const dryRun = { 'istio.io/dry-run': 'true' };
const asking = (rules: readonly Spec[]) =>
  authorization('asked', { action: 'CUSTOM', provider: { name: 'judge' }, rules });
const route = (more: Spec) => ({
  ...object(
    'VirtualService',
    'reviews',
    { hosts: ['reviews.shop.svc.cluster.local'], http: [{ route: [{ destination: { host: 'mine' } }] }], ...more },
    { group: networking },
  ),
});
const mine = object(
  'Service',
  'mine',
  { selector: { app: 'mine' }, ports: [{ name: 'http', port: 9080 }] },
  { group: 'v1' },
);
const judge = {
  ops: [object('Service', 'judge', { ports: [{ name: 'grpc', port: 9000 }] }, { group: 'v1' })],
  meshconfig: [
    {
      extensionProviders: [
        { name: 'judge', envoyExtAuthzGrpc: { service: 'judge.ops.svc.cluster.local', port: 9000 } },
      ],
    },
  ],
};

/** Fifty, each of another kind. */
export const wideningCommits: readonly WideningCommit[] = [
  of('a policy that allows all', [closed], [closed, authorization('open', { rules: [{}] })]),
  ofRule('the principal *', caller, from({ principals: ['*'] })),
  ofRule(
    'a prefix of principals',
    from({ principals: ['demo.mesh/ns/shop/sa/frontend'] }),
    from({ principals: ['demo.mesh/ns/shop/*'] }),
  ),
  ofRule('a suffix of principals', caller, from({ principals: ['*/sa/frontend'] })),
  ofRule('one principal more', caller, from({ principals: [fe, 'cluster.local/ns/bank/sa/api'] })),
  ofRule('a namespace instead of an account', caller, from({ namespaces: ['shop'] })),
  ofRule('the namespace *', from({ namespaces: ['shop'] }), from({ namespaces: ['*'] })),
  ofRule('stars in a namespace', from({ namespaces: ['shop'] }), from({ namespaces: ['s*p'] })),
  ofRule(
    'a service account more',
    from({ serviceAccounts: ['frontend'] }),
    from({ serviceAccounts: ['frontend', 'bank/api'] }),
  ),
  ofRule('no callers named any more', { ...caller, ...to({ methods: ['GET'] }) }, to({ methods: ['GET'] })),
  ofRule(
    'whoever is not excluded',
    from({ principals: ['cluster.local/ns/bank/sa/api'] }),
    from({ notPrincipals: [fe] }),
  ),
  ofRule('an exclusion that goes', from({ namespaces: ['shop'], notPrincipals: [fe] }), from({ namespaces: ['shop'] })),
  ofRule(
    'another trust domain',
    from({ trustDomains: ['cluster.local'] }),
    from({ trustDomains: ['cluster.local', 'partner.example'] }),
  ),
  of('a DENY policy that goes', [deny([caller])], []),
  of('a DENY policy of paths that goes', [deny([to({ paths: ['/admin*'] })])], []),
  of('a DENY rule of fewer paths', [deny([to({ paths: ['/admin*'] })])], [deny([to({ paths: ['/admin/users*'] })])]),
  of('one DENY rule of two that goes', [deny([caller, to({ methods: ['DELETE'] })])], [deny([caller])]),
  of(
    'a DENY rule with a further condition',
    [deny([to({ methods: ['DELETE'] })])],
    [deny([{ ...to({ methods: ['DELETE'] }), ...caller }])],
  ),
  of(
    'a DENY policy for fewer workloads',
    [deny([caller])],
    [deny([caller], { selector: { matchLabels: { app: 'ratings' } } })],
  ),
  of(
    'a DENY policy that only tries',
    [deny([caller])],
    [authorization('never', { action: 'DENY', rules: [caller] }, dryRun)],
  ),
  of('the last ALLOW policy that goes', [closed], []),
  of(
    'an ALLOW policy that only notes',
    [authorization('callers', { rules: [caller] })],
    [authorization('callers', { action: 'AUDIT', rules: [caller] })],
  ),
  of(
    'an ALLOW policy that only tries',
    [authorization('callers', { rules: [caller] })],
    [authorization('callers', { rules: [caller] }, dryRun)],
  ),
  of(
    'an ALLOW policy for all workloads',
    [closed, authorization('callers', { selector: { matchLabels: { app: 'reviews' } }, rules: [caller] })],
    [closed, authorization('callers', { rules: [caller] })],
  ),
  of(
    'a second ALLOW policy',
    [authorization('callers', { rules: [caller] })],
    [
      authorization('callers', { rules: [caller] }),
      authorization('more', { rules: [from({ principals: ['cluster.local/ns/bank/sa/api'] })] }),
    ],
  ),
  ofRule(
    'a method more',
    { ...caller, ...to({ methods: ['GET'] }) },
    { ...caller, ...to({ methods: ['GET', 'POST'] }) },
  ),
  ofRule('every method', { ...caller, ...to({ methods: ['GET'] }) }, { ...caller, ...to({ methods: ['*'] }) }),
  ofRule(
    'methods that are not excluded',
    { ...caller, ...to({ methods: ['GET'] }) },
    { ...caller, ...to({ notMethods: ['DELETE'] }) },
  ),
  ofRule(
    'a prefix of paths',
    { ...caller, ...to({ paths: ['/reviews'] }) },
    { ...caller, ...to({ paths: ['/reviews*'] }) },
  ),
  ofRule(
    'a template of several segments',
    { ...caller, ...to({ paths: ['/reviews/{*}'] }) },
    { ...caller, ...to({ paths: ['/reviews/{**}'] }) },
  ),
  ofRule('an excluded path that goes', { ...caller, ...to({ notPaths: ['/admin*'] }) }, caller),
  ofRule(
    'a host more',
    { ...caller, ...to({ hosts: ['reviews'] }) },
    { ...caller, ...to({ hosts: ['reviews', '*.shop'] }) },
  ),
  ofRule('a port more', { ...caller, ...to({ ports: ['9080'] }) }, { ...caller, ...to({ ports: ['9080', '9090'] }) }),
  ofRule('every port', { ...caller, ...to({ ports: ['9080'] }) }, caller),
  ofRule('a condition that goes', { ...caller, ...when('request.headers[x-user]', ['ann']) }, caller),
  ofRule(
    'a condition of more values',
    { ...caller, ...when('request.headers[x-user]', ['ann']) },
    { ...caller, ...when('request.headers[x-user]', ['a*']) },
  ),
  ofRule(
    'a namespace more in a condition',
    when('source.namespace', ['shop']),
    when('source.namespace', ['shop', 'bank']),
  ),
  ofRule('a server name that goes', { ...caller, ...when('connection.sni', ['*.shop']) }, caller),
  ofRule('a wider range of addresses', from({ ipBlocks: ['10.1.0.0/16'] }), from({ ipBlocks: ['10.0.0.0/8'] })),
  ofRule(
    'an excluded range that goes',
    from({ ipBlocks: ['10.0.0.0/8'], notIpBlocks: ['10.1.0.0/16'] }),
    from({ ipBlocks: ['10.0.0.0/8'] }),
  ),
  of(
    'addresses of the other family',
    [closed],
    [authorization('closed', { rules: [from({ notIpBlocks: ['0.0.0.0/0'] })] })],
  ),
  ofRule(
    'a wider range of clients',
    from({ remoteIpBlocks: ['192.0.2.1'] }),
    from({ remoteIpBlocks: ['192.0.2.0/24'] }),
  ),
  ofRule(
    'tokens that are not asked for',
    from({ principals: [fe], requestPrincipals: ['https://a.example/ann'] }),
    caller,
    [tokens(issuer('a'))],
  ),
  ofRule(
    'a claim that is not asked for',
    { ...from({ requestPrincipals: ['*'] }), ...when('request.auth.claims[role]', ['admin']) },
    from({ requestPrincipals: ['*'] }),
    [tokens(issuer('a'))],
  ),
  of('tokens of a further issuer', [anyToken, tokens(issuer('a'))], [anyToken, tokens(issuer('a'), issuer('b'))]),
  of(
    'tokens that nobody looks at any more',
    [deny([from({ requestPrincipals: ['https://a.example/ann'] })]), tokens(issuer('a'))],
    [deny([from({ requestPrincipals: ['https://a.example/ann'] })])],
  ),
  of(
    'tokens for any audience',
    [anyToken, tokens(issuer('a', { audiences: ['shop'] }))],
    [anyToken, tokens(issuer('a'))],
  ),
  {
    name: 'an authorizer that is not asked any more',
    narrow: state([asking([to({ paths: ['/a*'] })])], judge),
    wide: state([asking([to({ paths: ['/a/b*'] })])], judge),
  },
  {
    name: 'another name of the trust domain',
    narrow: state([authorization('callers', { rules: [caller] })], { meshconfig: [{}] }),
    wide: state([authorization('callers', { rules: [caller] })], {
      meshconfig: [{ trustDomainAliases: ['old.example'] }],
    }),
  },
  of('plaintext instead of mesh TLS alone', [strict], [mode('PERMISSIVE')]),
  of(
    'a port in plaintext',
    [object('PeerAuthentication', 'mode', { selector: { matchLabels: { app: 'reviews' } }, mtls: { mode: 'STRICT' } })],
    [
      object('PeerAuthentication', 'mode', {
        selector: { matchLabels: { app: 'reviews' } },
        mtls: { mode: 'STRICT' },
        portLevelMtls: { 9080: { mode: 'DISABLE' } },
      }),
    ],
  ),
  of(
    'no mesh TLS where identities are refused',
    [mode('PERMISSIVE'), deny([caller])],
    [mode('DISABLE'), deny([caller])],
  ),
  {
    name: 'a route of another namespace',
    narrow: state([], { bank: [mine] }),
    wide: state([], { bank: [mine, route({})] }),
  },
];
