import { expect, test } from 'vitest';
import { parsePolicies } from '../../src/policy/parse-policies.ts';

/** WEFT0165 of one match: field below the match, message and hint. */
function told(match: string): readonly (readonly [string, string, string])[] {
  const text = `apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: { name: a }\nspec: { hosts: [a], http: [{ match: [${match}], route: [{ destination: { host: a } }] }] }\n`;
  const { diagnostics } = parsePolicies([{ path: 'policies/shop/a.yaml', text }], {
    commit: '4f1c2ab',
    rootNamespace: 'istio-system',
    folders: 'namespace',
  });
  expect(diagnostics.filter(({ severity }) => severity === 'error')).toEqual([]);
  return diagnostics
    .filter(({ code, severity }) => code === 'WEFT0165' && severity === 'warning')
    .map(({ field = '', message, hint }) => [field.replace('spec.http[0].match[0].', ''), message, hint]);
}

test.each<readonly [match: string, field: string, message: string, hint: string]>([
  [
    '{ uri: { prefix: api } }',
    'uri.prefix',
    'no request has "api" at its beginning: paths begin with "/"',
    'write "/api"',
  ],
  ['{ uri: { exact: api/v1 } }', 'uri.exact', 'no request has "api/v1": paths begin with "/"', 'write "/api/v1"'],
  [
    '{ uri: { prefix: "*" } }',
    'uri.prefix',
    'no request has "*" at its beginning: paths begin with "/"',
    'write prefix: "/" for every path',
  ],
  ['{ uri: { exact: "http://a/b" } }', 'uri.exact', 'no request has "http://a/b": paths begin with "/"', 'write "/b"'],
  [
    '{ uri: { exact: "/a?b=c" } }',
    'uri.exact',
    'no request has "/a?b=c": paths are compared without their query',
    'write "/a", and the rest as queryParams',
  ],
  [
    '{ uri: { regex: "api/.*" } }',
    'uri.regex',
    'no request is matched by "api/.*": the whole path is matched, and paths begin with "/"',
    'write "/api/.*", or ".*api/.*" for anywhere',
  ],
  ['{ method: { exact: get } }', 'method.exact', 'no request has "get": methods are compared by case', 'write "GET"'],
  [
    '{ method: { prefix: Po } }',
    'method.prefix',
    'no request has "Po" at its beginning: methods are compared by case',
    'write "PO"',
  ],
  [
    '{ scheme: { exact: HTTP } }',
    'scheme.exact',
    'no request has "HTTP": schemes are in small letters',
    'write "http"',
  ],
  [
    '{ scheme: { prefix: "http://" } }',
    'scheme.prefix',
    'no request has "http://" at its beginning: a scheme has no ":"',
    'write "http"',
  ],
  [
    '{ authority: { exact: "https://a.test" } }',
    'authority.exact',
    'no request has "https://a.test": it has no scheme and no path',
    'write "a.test"',
  ],
])('%s is met by nothing (WEFT0165)', (match, field, message, hint) => {
  expect(told(match)).toEqual([[field, message, hint]]);
});

test.each([
  '{ uri: { prefix: / }, method: { exact: GET }, scheme: { exact: https }, authority: { exact: "a.test:80" } }',
  '{ uri: { exact: "*" }, method: { exact: OPTIONS } }',
  '{ uri: { regex: ".*/api" } }',
  '{ uri: { regex: "^/api|b" } }',
  '{ uri: { regex: "a?/b" } }',
  '{ uri: { regex: "[^b].*" } }',
  '{ uri: { regex: "(?i)/a" } }',
  '{ uri: { regex: "\\\\/a" } }',
  '{ method: { exact: mine } }',
  '{ method: { regex: "get|GET" } }',
  '{ authority: { prefix: a } }',
])('%s may be met', (match) => {
  expect(told(match)).toEqual([]);
});
