import fc from 'fast-check';
import { offlineMesh } from '../../src/control-plane/offline-mesh.ts';
import type { Mesh, MeshSettings } from '../../src/model/mesh.ts';
import { parsePolicies } from '../../src/policy/parse-policies.ts';

/*
 * Random VirtualServices, and requests that nearly fit them: what is written and what is sent come from the same few words, so that
 * every condition is met, just missed, and met by another rule as well.
 */

export interface WrittenMatch {
  readonly uri?: Condition;
  readonly ignoreUriCase?: boolean;
  readonly method?: Condition;
  readonly authority?: Condition;
  readonly scheme?: Condition;
  readonly headers?: Readonly<Record<string, Condition>>;
  readonly withoutHeaders?: Readonly<Record<string, Condition>>;
  readonly queryParams?: Readonly<Record<string, Condition>>;
  readonly port?: number;
  readonly sourceLabels?: Readonly<Record<string, string>>;
  readonly sourceNamespace?: string;
}
export interface WrittenRule {
  readonly match?: readonly WrittenMatch[];
}
export interface Condition {
  readonly exact?: string;
  readonly prefix?: string;
  readonly regex?: string;
}

/** There in so many of ten cases. */
function sometimes<T>(ofTen: number, arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> {
  return fc.oneof({ weight: 10 - ofTen, arbitrary: fc.constant(undefined) }, { weight: ofTen, arbitrary });
}

const segment = fc.constantFrom(
  'a',
  'A',
  'api',
  'apis',
  'b',
  '',
  '..',
  '.',
  '%2e',
  '%2E.',
  '%41',
  'x%2fy',
  'a;v=1',
  '..;x',
  '~',
  '%7e',
  'a"b',
  'a%20b',
  '1',
  '23',
  'a\\b',
  '%zz',
  'a+b',
  '%2520',
);
export const path = fc.array(segment, { maxLength: 4 }).map((segments) => `/${segments.join('/')}`);
const pathRegex = fc.constantFrom(
  '/a.*',
  '/api/[0-9]+',
  '/(a|b)(/.*)?',
  '(?i)/API.*',
  '/[^/]+',
  '/[^/]+/?',
  '.*',
  '/\\w+',
  '^/a$',
  '/a{1,3}/*',
  '/(?:api|apis)\\b.*',
  '/.',
  '/[[:alpha:]]+/\\d*',
  '(/[a-z]*)*',
  '/a%20b',
  '//+.*',
  '/A|/b',
  '/\\pL+',
  '/[\\w;=]+',
  '/.{2,}',
  '/a\\+b',
  '/x%2[Ff]y.*',
);
const uri: fc.Arbitrary<Condition> = fc.oneof(
  path.map((exact) => ({ exact })),
  path.map((prefix) => ({ prefix })),
  fc.constant({ prefix: '' }),
  pathRegex.map((regex) => ({ regex })),
);

export const method = fc.constantFrom('GET', 'POST', 'get', 'DELETE', 'PURGE');
export const value = fc.constantFrom(
  '',
  'a',
  'A',
  'aa',
  'ab',
  'b',
  'yes',
  'YES',
  '1',
  '12',
  'a,a',
  'a, b',
  'é',
  'a;b',
  'http',
  'https',
  'a b',
);
const valueRegex = fc.constantFrom(
  'a+',
  '(?i)yes',
  '.*',
  '.+',
  '[a-c]{2,3}',
  '\\d+',
  'a|b',
  'a?',
  '(a|b),? ?(a|b)',
  '.',
  '..',
  '[^a]',
  '\\W',
  '\\w*',
  'https?',
  '(?i:A)B',
  '\\x61',
  '\\C\\C',
  '[[:upper:]]+',
  'a*?',
  '\\PL',
  '[é]',
  '(?-s).',
  '[\\d,]*',
);
const condition: fc.Arbitrary<Condition> = fc.oneof(
  fc.constant({}),
  value.map((exact) => ({ exact })),
  value.filter((text) => text !== '').map((prefix) => ({ prefix })),
  valueRegex.map((regex) => ({ regex })),
);
export const headerName = fc.constantFrom(
  'x-a',
  'X-B',
  'cookie',
  'accept',
  'x-request-id',
  'x-forwarded-proto',
  'user-agent',
  'host',
  'x-empty',
);
const parameter = fc.constantFrom('q', 'Q', 'r', 'a%20b', '%71');
const methodCondition: fc.Arbitrary<Condition> = fc.oneof(
  method.map((exact) => ({ exact })),
  fc.constantFrom('P', 'G', 'g').map((prefix) => ({ prefix })),
  fc.constantFrom('GET|POST', '(?i)get', 'P.*').map((regex) => ({ regex })),
);
const schemeCondition = fc.constantFrom<Condition>(
  { exact: 'http' },
  { exact: 'https' },
  { prefix: 'http' },
  { regex: 'https?' },
);

function authorityCondition(name: string): fc.Arbitrary<Condition> {
  return fc.constantFrom<Condition>(
    { exact: name },
    { exact: `${name}:9080` },
    { prefix: `${name}.` },
    { prefix: name.toUpperCase() },
    { regex: `${name}(:\\d+)?` },
    { regex: `.*:80` },
    {},
  );
}

function match(name: string): fc.Arbitrary<WrittenMatch> {
  return fc
    .record({
      uri: sometimes(6, uri),
      ignoreUriCase: sometimes(3, fc.boolean()),
      method: sometimes(2, methodCondition),
      authority: sometimes(1, authorityCondition(name)),
      scheme: sometimes(1, schemeCondition),
      headers: sometimes(3, fc.dictionary(headerName, condition, { minKeys: 1, maxKeys: 2 })),
      withoutHeaders: sometimes(3, fc.dictionary(headerName, condition, { minKeys: 1, maxKeys: 2 })),
      queryParams: sometimes(2, fc.dictionary(parameter, condition, { minKeys: 1, maxKeys: 2 })),
      port: sometimes(1, fc.constantFrom(80, 9080)),
      sourceLabels: sometimes(1, fc.constantFrom({ version: 'v1' }, { version: 'v2' })),
      sourceNamespace: sometimes(1, fc.constantFrom('shop', 'bank')),
    })
    .map((made) => JSON.parse(JSON.stringify(made)) as WrittenMatch);
}

/** The rules of the VirtualService for a service called `name`. */
export function rules(name: string): fc.Arbitrary<readonly WrittenRule[]> {
  const rule = fc.oneof(
    { weight: 12, arbitrary: fc.array(match(name), { minLength: 1, maxLength: 3 }).map((all) => ({ match: all })) },
    { weight: 1, arbitrary: fc.constant({}) },
  );
  return fc.array(rule, { minLength: 1, maxLength: 6 });
}

const settings: MeshSettings = { trustDomain: 'demo.mesh', dnsSuffix: 'cluster.local', rootNamespace: 'istio-system' };

const entry = (name: string, host: string) => ({
  apiVersion: 'networking.istio.io/v1',
  kind: 'ServiceEntry',
  metadata: { name, namespace: 'shop' },
  spec: {
    hosts: [host],
    ports: [80, 9080].map((number) => ({ name: `http-${number}`, number, protocol: 'HTTP' })),
    resolution: 'STATIC',
    endpoints: [{ address: '192.0.2.1' }],
  },
});

/** A name of a service as requests and conditions use it: of `*.w.test` one that it covers. */
export function oneName(host: string): string {
  return host.replace(/^\*/, 'x');
}

/**
 * A mesh of services with two HTTP ports in the namespace shop, each with a VirtualService. One whose name is `*.w.test` is a ServiceEntry,
 * beside another, without rules, for the longer `*.a.w.test` (P5).
 */
export function meshOf(
  all: readonly (readonly [name: string, rules: readonly WrittenRule[]])[],
  meshConfig?: object,
): Mesh {
  const [firstName = ''] = all.map(([name]) => name);
  const files = all.map(([host, written], position) => {
    const isWildcard = host.startsWith('*');
    const name = isWildcard ? `w${position}` : host;
    const service = {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name, namespace: 'shop' },
      spec: { selector: { app: name }, ports: [80, 9080].map((port) => ({ name: `http-${port}`, port })) },
    };
    const entries = [entry(name, host), entry(`${name}-longer`, host.replace('*', '*.a'))];
    // Where it leads is not what is asked.
    const route = [{ destination: { host: isWildcard ? firstName : host, port: { number: 80 } } }];
    const http = written.map((rule, index) => ({ name: `r${index}`, ...rule, route }));
    const virtual = {
      apiVersion: 'networking.istio.io/v1',
      kind: 'VirtualService',
      metadata: { name, namespace: 'shop' },
      spec: { hosts: [host], http },
    };
    const texts = [...(isWildcard ? entries : [service]), virtual].map((document) => JSON.stringify(document));
    return { path: `${name}.yaml`, text: texts.join('\n---\n') };
  });
  const config = meshConfig === undefined ? [] : [{ path: 'meshconfig.yaml', text: JSON.stringify(meshConfig) }];
  const options = { commit: '4f1c2ab', rootNamespace: settings.rootNamespace, folders: 'free' } as const;
  const { policies, diagnostics } = parsePolicies([...config, ...files], options);
  if (policies === undefined) {
    const errors = diagnostics.filter(({ severity }) => severity === 'error');
    throw new Error(errors.map(({ code, message, field, at }) => `${code} ${at.file} ${field} ${message}`).join('\n'));
  }
  return offlineMesh({ policies, settings, range: { first: 21_000, last: 65_535 } });
}
