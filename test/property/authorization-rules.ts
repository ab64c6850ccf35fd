import fc from 'fast-check';

/*
 * Random rules of AuthorizationPolicies, all from the same few words (authorization-world.ts).
 */

/** There in so many of ten cases. */
export function sometimes<T>(ofTen: number, arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> {
  return fc.oneof({ weight: 10 - ofTen, arbitrary: fc.constant(undefined) }, { weight: ofTen, arbitrary });
}

const listOf = (...values: readonly string[]) =>
  fc.uniqueArray(fc.constantFrom(...values), { minLength: 1, maxLength: 2 });
/** A field and its negation, each rarely. */
const pair = (name: string, values: fc.Arbitrary<readonly string[]>) =>
  fc
    .tuple(sometimes(3, values), sometimes(1, values))
    .map(([written, not]) => ({ [name]: written, [`not${name.charAt(0).toUpperCase()}${name.slice(1)}`]: not }));
const together = (...parts: readonly fc.Arbitrary<object>[]) =>
  fc.tuple(...parts).map((all) => Object.assign({}, ...all) as object);

const principals = listOf(
  'cluster.local/ns/shop/sa/web',
  'demo.mesh/ns/bank/sa/api',
  'old.mesh/ns/shop/sa/web',
  'partner.mesh/ns/shop/sa/web',
  '*',
  'demo.mesh/ns/shop/*',
  '*/sa/api',
  'cluster.local/ns/*',
  'partner*',
);
const namespaces = listOf('shop', 'sh*', '*op', 's*p', '*', 'bank', 's.op');
const accounts = listOf('web', 'bank/api', 'shop/w-b');
const trustDomains = listOf('demo.mesh', 'cluster.local', 'partner*', '*.mesh', '*', 'demo-mesh');
const sourceRanges = listOf('127.0.0.2', '127.0.0.0/30', '127.0.0.8/29', '0.0.0.0/0', '10.0.0.0/8');
const remoteRanges = listOf('10.1.0.0/16', '192.0.2.1', '127.0.0.0/8', '2001:db8::/32', '0.0.0.0/0');
const hosts = listOf('reviews', 'Reviews*', '*.shop', '*', 'reviews:9080', 'reviews.', '*op:80', '*shop');
const methods = listOf('GET', 'P*', '*', '*T', 'get');
const paths = listOf(
  '/a',
  '/a*',
  '*b',
  '*',
  '/a.b',
  '/(+',
  '/a/',
  '/api*',
  '/a/{*}',
  '/a/{**}',
  '/{*}/b',
  '/{**}/a',
  '/A',
);

/** Of tokens: `authorization-calls.ts` sends such. */
const requestPrincipals = listOf(
  'https://a.example/ann',
  'https://a.example/*',
  '*',
  '*/ann',
  '*nn',
  'https://b.*',
  'https://b.example/b*',
  'https://a.example/x/bob',
);
export const issuers = ['https://a.example', 'https://b.example'] as const;

const source = (tokens: boolean) =>
  fc
    .oneof(
      { weight: 4, arbitrary: together(pair('principals', principals), pair('namespaces', namespaces)) },
      { weight: 1, arbitrary: pair('serviceAccounts', accounts) },
    )
    .chain((identity) =>
      together(
        fc.constant(identity),
        pair('trustDomains', trustDomains),
        pair('ipBlocks', sourceRanges),
        pair('remoteIpBlocks', remoteRanges),
        ...(tokens ? [pair('requestPrincipals', requestPrincipals)] : []),
      ),
    );
const operation = (http: boolean) =>
  together(
    ...(http ? [pair('hosts', hosts), pair('methods', methods), pair('paths', paths)] : []),
    pair('ports', listOf('9080', '80')),
  );
const values = (texts: fc.Arbitrary<readonly string[]>) =>
  fc.oneof(
    { weight: 3, arbitrary: texts.map((some) => ({ values: some })) },
    { weight: 2, arbitrary: texts.map((some) => ({ notValues: some })) },
    { weight: 1, arbitrary: fc.tuple(texts, texts).map(([some, not]) => ({ values: some, notValues: not })) },
  );
const when = (key: string, texts: fc.Arbitrary<readonly string[]>) => values(texts).map((said) => ({ key, ...said }));
const ofAddress = [
  when('source.ip', sourceRanges),
  when('remote.ip', remoteRanges),
  when('destination.ip', listOf('127.0.0.1', '127.0.0.5', '127.0.0.4/30')),
  when('destination.port', listOf('9080', '80')),
  ...['a', 'b'].map(() => when('connection.sni', listOf('reviews', '*.shop', '*', 'other*'))),
];
const ofConnection = [
  ...ofAddress,
  when('source.namespace', namespaces),
  when('source.serviceAccount', accounts),
  when('source.trustDomain', trustDomains),
  when('source.principal', principals),
];
const ofHeaders = [
  ...['a', 'b', 'c'].map(() => when('request.headers[x-user]', listOf('ann', 'a*', '*', '*n', 'a,ann'))),
  when('request.headers[Accept]', listOf('a', '*b', 'a,b', '*')),
  when('request.headers[x-forwarded-proto]', listOf('http', 'https', '*')),
];
const ofRequest = [
  ...ofHeaders,
  when('request.auth.principal', requestPrincipals),
  when('request.auth.audiences', listOf('shop', 'b*', '*')),
  when('request.auth.presenter', listOf('app', '*p')),
  when('request.auth.claims[role]', listOf('admin', 'dev', 'ad*', '*')),
  when('request.auth.claims[team][name]', listOf('red', '*d')),
  when('request.auth.claims[scope]', listOf('read', 'write', 'read write')),
];

/** Without what is empty, which policies refuse. */
function compact(value: object): object | undefined {
  const kept = Object.entries(value).filter(([, inner]) => inner !== undefined);
  return kept.length === 0 ? undefined : Object.fromEntries(kept);
}

function list(name: string, of: fc.Arbitrary<object>, often: number): fc.Arbitrary<object> {
  return sometimes(often, fc.array(of, { minLength: 1, maxLength: 2 })).map((all = []) => {
    const written = all.flatMap((each) => compact(each) ?? []);
    return written.length === 0
      ? {}
      : { [name]: written.map((each) => (name === 'when' ? each : wrapped(name, each))) };
  });
}

function wrapped(name: string, value: object): object {
  return name === 'from' ? { source: value } : { operation: value };
}

/** `whole`: with conditions on headers and tokens, which trees do not see (decision 62). */
export const rule = (http: boolean, whole: boolean) =>
  together(
    list('from', source(http && whole), 6),
    list('to', operation(http), 5),
    list('when', fc.oneof(...ofConnection, ...(http && whole ? ofRequest : [])), 4),
  );

/** P38: of CUSTOM, which knows neither identities nor claims (WEFT0159). */
export const asking = (http: boolean) =>
  together(
    list('from', together(pair('ipBlocks', sourceRanges), pair('remoteIpBlocks', remoteRanges)), 4),
    list('to', operation(http), 5),
    list('when', fc.oneof(...ofAddress, ...(http ? ofHeaders : [])), 3),
  );

/** More than are looked at one by one (decision 62): most about others, some about those who call. */
const crowdRule = (index: number) =>
  fc
    .record({
      principals: listOf(
        `demo.mesh/ns/shop/sa/c${index}`,
        `cluster.local/ns/shop/sa/d${index}`,
        'cluster.local/ns/shop/sa/web',
        'demo.mesh/ns/bank/sa/api',
        'partner.mesh/ns/shop/sa/web',
      ),
      methods: sometimes(5, methods),
      paths: sometimes(5, paths),
    })
    .map(({ principals: who, ...of }) => ({
      from: [{ source: { principals: who } }],
      ...((of.methods ?? of.paths) && { to: [{ operation: compact(of) }] }),
    }));
export const crowd = fc.tuple(...Array.from({ length: 70 }, (_, index) => crowdRule(index)));
