import { isIPv4 } from 'node:net';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Authorization, Condition } from '../../src/model/ir-inbound.ts';
import type { TextMatch } from '../../src/model/ir-route.ts';
import { resolveInbound } from '../../src/resolve/inbound.ts';
import type { ShortRule } from '../support/resolve-values.ts';
import { authorizationPolicy, mesh, proxy } from '../support/resolve-values.ts';

/*
 * P39 and P41, said twice: once by `permitted`, which reads policies as a person does, and once by resolution, whose condition trees
 * `holds` walks as Envoy would. Random policies and requests must get one answer.
 */

interface Request {
  readonly caller?: { readonly trustDomain: string; readonly namespace: string; readonly account: string };
  readonly address: string;
  readonly host: string;
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly port: number;
}

interface Policy {
  readonly action: 'ALLOW' | 'DENY';
  readonly namespace: string;
  readonly selector?: Readonly<Record<string, string>>;
  readonly rules: readonly ShortRule[];
}

const workload = { namespace: 'shop', labels: { app: 'reviews', version: 'v1' } as Readonly<Record<string, string>> };

function permitted(policies: readonly Policy[], request: Request): boolean {
  const acting = policies.filter(
    ({ namespace, selector }) =>
      ['istio-system', 'shop'].includes(namespace) &&
      Object.entries(selector ?? {}).every(([name, value]) => workload.labels[name] === value),
  );
  const some = (action: Policy['action']) =>
    acting.some(
      (policy) => policy.action === action && policy.rules.some((rule) => ruleMatches(policy, rule, request)),
    );
  if (some('DENY')) return false;
  return !acting.some(({ action }) => action === 'ALLOW') || some('ALLOW');
}

function ruleMatches({ namespace }: Policy, { from, to, when }: ShortRule, request: Request): boolean {
  const { caller } = request;
  const account = (value: string) => {
    const [first = '', second] = value.split('/');
    if (caller?.trustDomain !== 'demo.mesh') return false;
    return second === undefined
      ? caller.namespace === namespace && caller.account === first
      : caller.namespace === first && caller.account === second;
  };
  const principal = (value: string) => {
    if (caller === undefined) return false;
    const text = `${caller.trustDomain}/ns/${caller.namespace}/sa/${caller.account}`;
    return form(value.split('/').length === 5 ? value.replace(/^cluster\.local\//, 'demo.mesh/') : value, text, 1);
  };
  const inNamespace = (value: string) => {
    if (caller === undefined) return false;
    const [first = '', ...rest] = value.split('*');
    if (rest.length === 0) return value === caller.namespace;
    // The tests use one star at most.
    const last = rest[0] ?? '';
    return (
      caller.namespace.length >= first.length + last.length &&
      caller.namespace.startsWith(first) &&
      caller.namespace.endsWith(last)
    );
  };
  const trustDomain = (value: string) => caller !== undefined && form(value, caller.trustDomain, 1);
  const address = (cidr: string) => inside(request.address, cidr);
  const sourceMatches = (source: NonNullable<ShortRule['from']>[number]) =>
    both(source.principals, source.notPrincipals, principal) &&
    both(source.namespaces, source.notNamespaces, inNamespace) &&
    both(source.serviceAccounts, source.notServiceAccounts, account) &&
    both(source.trustDomains, source.notTrustDomains, trustDomain) &&
    both(source.ipBlocks, source.notIpBlocks, address);
  const operationMatches = (operation: NonNullable<ShortRule['to']>[number]) =>
    both(operation.hosts, operation.notHosts, (value) => form(value.toLowerCase(), hostOf(request), 0)) &&
    both(operation.methods, operation.notMethods, (value) => form(value, request.method, 0)) &&
    both(operation.paths, operation.notPaths, (value) => form(value, request.path, 1)) &&
    both(operation.ports, operation.notPorts, (value) => value === request.port);
  const conditionMatches = ({ key, values, notValues }: NonNullable<ShortRule['when']>[number]) => {
    switch (key) {
      case 'request.headers[x-user]': {
        const header = request.headers['x-user'];
        return both(values, notValues, (value) => header !== undefined && form(value, header, 0));
      }
      case 'source.namespace':
        return both(values, notValues, inNamespace);
      case 'destination.port':
        return both(values, notValues, (value) => Number(value) === request.port);
      default:
        return both(values, notValues, address);
    }
  };
  return (
    (from === undefined || from.length === 0 || from.some(sourceMatches)) &&
    (to === undefined || to.length === 0 || to.some(operationMatches)) &&
    (when ?? []).every(conditionMatches)
  );
}

function both<T>(values: readonly T[] = [], notValues: readonly T[] = [], matches: (value: T) => boolean): boolean {
  return (values.length === 0 || values.some(matches)) && !notValues.some(matches);
}

/** T15: neither its case nor its port nor the dot of a full name say which host is meant. */
function hostOf({ host }: Request): string {
  return host.toLowerCase().replace(/\.?(?::[0-9]*)?$/, '');
}

/** P42, `least` characters for a star alone. */
function form(written: string, text: string, least: number): boolean {
  if (written === '*') return text.length >= least;
  if (written.startsWith('*')) return text.endsWith(written.slice(1));
  if (written.endsWith('*')) return text.startsWith(written.slice(0, -1));
  return written === text;
}

function inside(address: string, cidr: string): boolean {
  const [network = '', length = '32'] = cidr.split('/');
  expect(isIPv4(network)).toBe(true);
  const bits = (text: string) =>
    text
      .split('.')
      .map((part) => Number(part).toString(2).padStart(8, '0'))
      .join('');
  return bits(address).startsWith(bits(network).slice(0, Number(length)));
}

function decide({ deny, allow }: Authorization, request: Request): boolean {
  const matches = ({ caller, operation }: Authorization['deny'][number]) =>
    holds(caller, request) && holds(operation, request);
  return !deny.some(matches) && (allow === undefined || allow.some(matches));
}

function holds(condition: Condition, request: Request): boolean {
  const { caller } = request;
  switch (condition.kind) {
    case 'always':
      return true;
    case 'never':
      return false;
    case 'all':
      return condition.of.every((each) => holds(each, request));
    case 'any':
      return condition.of.some((each) => holds(each, request));
    case 'not':
      return !holds(condition.of, request);
    case 'principal':
      return (
        caller !== undefined &&
        textHolds(condition.match, `${caller.trustDomain}/ns/${caller.namespace}/sa/${caller.account}`)
      );
    case 'source-address':
    case 'remote-address':
      return inside(request.address, condition.cidr);
    case 'header':
      return textHolds(condition.match, request.headers[condition.name]);
    case 'host':
      return textHolds(condition.match, hostOf(request));
    case 'method':
      return textHolds(condition.match, request.method);
    case 'path':
      return textHolds(condition.match, request.path);
    case 'destination-address':
    case 'server-name':
    case 'claim':
      throw new Error(`not in these policies: ${condition.kind}`);
    default:
      return condition satisfies never;
  }
}

function textHolds(match: TextMatch, text: string | undefined): boolean {
  if (text === undefined) return false;
  switch (match.kind) {
    case 'exact':
      return text === match.value;
    case 'prefix':
      return text.startsWith(match.value);
    case 'suffix':
      return text.endsWith(match.value);
    case 'regex':
      return new RegExp(`^(?:${match.value})$`).test(text);
    case 'present':
      return true;
    default:
      return match satisfies never;
  }
}

const listOf = <T>(...values: readonly T[]) =>
  fc.uniqueArray(fc.constantFrom(...values), { minLength: 1, maxLength: 2 });
const fieldsOf = <T extends Record<string, fc.Arbitrary<unknown>>>(model: T) => fc.record(model, { requiredKeys: [] });

const namespaces = ['shop', 'sh*', '*op', 's*p', '*', 'b.nk'] as const;
const cidrs = ['10.0.0.0/8', '10.1.0.0/16', '192.0.2.1'] as const;
const principals = [
  'cluster.local/ns/shop/sa/web',
  'demo.mesh/ns/bank/sa/api',
  '*',
  'demo.mesh/ns/shop/*',
  '*/sa/api',
  'cluster.local/ns/*',
] as const;
const accounts = ['web', 'bank/api', 'w.b'] as const;
const domains = ['demo.mesh', 'cluster.local', 'demo*', '*.local', '*', 'demo-mesh'] as const;
const paths = ['/a', '/a*', '*b', '*', '/a.b', '/(+'] as const;

const source = fieldsOf({
  principals: listOf(...principals),
  notPrincipals: listOf(...principals),
  namespaces: listOf(...namespaces),
  notNamespaces: listOf(...namespaces),
  serviceAccounts: listOf(...accounts),
  notServiceAccounts: listOf(...accounts),
  trustDomains: listOf(...domains),
  notTrustDomains: listOf(...domains),
  ipBlocks: listOf(...cidrs),
  notIpBlocks: listOf(...cidrs),
});
const operation = fieldsOf({
  hosts: listOf('reviews', 'Reviews*', '*.shop', '*'),
  notHosts: listOf('reviews.shop'),
  methods: listOf('GET', 'P*', '*'),
  notMethods: listOf('POST', 'get'),
  paths: listOf(...paths),
  notPaths: listOf(...paths),
  ports: listOf(9080, 80),
  notPorts: listOf(9080, 80),
});
const headerValues = listOf('ann', 'a*', '*', '*n');
const when = fc.oneof(
  fieldsOf({ values: headerValues, notValues: headerValues }).map((each) => ({
    key: 'request.headers[x-user]',
    ...each,
  })),
  fieldsOf({ values: listOf(...namespaces), notValues: listOf(...namespaces) }).map((each) => ({
    key: 'source.namespace',
    ...each,
  })),
  fieldsOf({ values: listOf('9080', '80'), notValues: listOf('80', '9080') }).map((each) => ({
    key: 'destination.port',
    ...each,
  })),
  fieldsOf({ values: listOf(...cidrs), notValues: listOf(...cidrs) }).map((each) => ({ key: 'source.ip', ...each })),
);
const rule: fc.Arbitrary<ShortRule> = fieldsOf({
  from: fc.array(source, { minLength: 1, maxLength: 2 }),
  to: fc.array(operation, { minLength: 1, maxLength: 2 }),
  when: fc.array(when, { minLength: 1, maxLength: 2 }),
});
const policy: fc.Arbitrary<Policy> = fc.record(
  {
    action: fc.constantFrom('ALLOW', 'DENY'),
    namespace: fc.constantFrom('shop', 'istio-system', 'bank'),
    selector: fc.constantFrom<Readonly<Record<string, string>>>(
      { app: 'reviews' },
      { app: 'reviews', version: 'v2' },
      {},
    ),
    rules: fc.array(rule, { maxLength: 3 }),
  },
  { requiredKeys: ['action', 'namespace', 'rules'] },
);
const request: fc.Arbitrary<Request> = fc.record(
  {
    caller: fc.record({
      trustDomain: fc.constantFrom('demo.mesh', 'cluster.local'),
      namespace: fc.constantFrom('shop', 'bank', 'sp'),
      account: fc.constantFrom('web', 'api', 'wxb'),
    }),
    address: fc.constantFrom('10.0.0.1', '10.1.0.1', '192.0.2.1', '172.16.0.1'),
    host: fc.constantFrom('reviews', 'REVIEWS.shop', 'reviews:9080', 'Reviews.Shop:80', 'other'),
    method: fc.constantFrom('GET', 'POST', 'get'),
    path: fc.constantFrom('/a', '/ab', '/b', '/axb', '/(+', '/'),
    headers: fc.constantFrom<Readonly<Record<string, string>>>(
      {},
      { 'x-user': 'ann' },
      { 'x-user': '' },
      { 'x-user': 'Ann' },
    ),
    port: fc.constantFrom(9080, 80),
  },
  { requiredKeys: ['address', 'host', 'method', 'path', 'headers', 'port'] },
);

function authorizationAt(policies: readonly Policy[], port: number, protocol: 'http' | 'tcp'): Authorization {
  const objects = policies.map(({ action, namespace, rules, selector }, position) =>
    authorizationPolicy(`${namespace}/p${position}`, action, rules, selector),
  );
  const of = proxy('reviews.shop', { labels: workload.labels, ports: [{ port, inbound: port + 10_000, protocol }] });
  const [inbound] = resolveInbound(mesh({ policies: objects }), of);
  if (inbound === undefined) throw new Error('no inbound port');
  return inbound.authorization;
}

test('P39, P41: the condition trees decide as a plain reading of the policies does', () => {
  fc.assert(
    fc.property(
      fc.array(policy, { maxLength: 3 }),
      fc.array(request, { minLength: 1, maxLength: 8 }),
      (policies, requests) => {
        for (const each of requests) {
          const expected = permitted(policies, each);
          expect(decide(authorizationAt(policies, each.port, 'http'), each)).toBe(expected);
        }
      },
    ),
    { numRuns: 1500 },
  );
});

test('P45: on a port without HTTP nobody gets further than with it', () => {
  fc.assert(
    fc.property(fc.array(policy, { maxLength: 3 }), request, (policies, each) => {
      const asTcp = decide(authorizationAt(policies, each.port, 'tcp'), each);
      if (asTcp) expect(decide(authorizationAt(policies, each.port, 'http'), each)).toBe(true);
    }),
    { numRuns: 1500 },
  );
});

test('a tree about the caller never speaks of the operation, nor the other way round', () => {
  const kinds = (condition: Condition): readonly string[] => {
    if (condition.kind === 'all' || condition.kind === 'any') return condition.of.flatMap(kinds);
    return condition.kind === 'not' ? kinds(condition.of) : [condition.kind];
  };
  const ofOperation = ['host', 'method', 'path', 'server-name', 'destination-address'];
  const ofCaller = ['principal', 'source-address', 'remote-address', 'header'];
  fc.assert(
    fc.property(fc.array(policy, { maxLength: 3 }), (policies) => {
      const { deny, allow } = authorizationAt(policies, 9080, 'http');
      for (const each of [...deny, ...(allow ?? [])]) {
        expect(kinds(each.caller).filter((kind) => ofOperation.includes(kind))).toEqual([]);
        expect(kinds(each.operation).filter((kind) => ofCaller.includes(kind))).toEqual([]);
      }
    }),
  );
});
