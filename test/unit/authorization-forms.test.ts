import { describe, expect, test } from 'vitest';
import { parsePolicies } from '../../src/policy/parse-policies.ts';

const object = (rule: string, action: string) =>
  `apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: { name: a }\nspec: { action: ${action}, rules: [${rule}] }\n`;

/** WEFT0165 of one rule: field below the rule, message and hint. */
function told(rule: string, action = 'ALLOW'): readonly (readonly [string, string, string])[] {
  const { diagnostics } = parsePolicies([{ path: 'policies/shop/a.yaml', text: object(rule, action) }], {
    commit: '4f1c2ab',
    rootNamespace: 'istio-system',
    folders: 'namespace',
  });
  expect(diagnostics.filter(({ severity }) => severity === 'error')).toEqual([]);
  return diagnostics
    .filter(({ code }) => code === 'WEFT0165')
    .map(({ field = '', message, hint }) => [field.replace('spec.rules[0].', ''), message, hint]);
}

const operation = (fields: string) => `{ to: [{ operation: ${fields} }] }`;
const source = (fields: string) => `{ from: [{ source: ${fields} }] }`;
const hintOf = (fields: string) => told(operation(fields)).map(([, , hint]) => hint);

describe('conditions of an AuthorizationPolicy that nothing meets (WEFT0165)', () => {
  test('methods are compared by case, as Envoy does', () => {
    expect(told(operation('{ methods: [GET, get] }'))).toEqual([
      ['to[0].operation.methods[1]', 'no request has "get": methods are compared by case', 'write "GET"'],
    ]);
    expect(told(operation('{ notMethods: [Post] }'), 'DENY')).toEqual([
      ['to[0].operation.notMethods[0]', 'no request has "Post": methods are compared by case', 'write "POST"'],
    ]);
    expect(hintOf('{ methods: ["ge*", "*st", GETT] }')).toEqual(['write "GE*"', 'write "*ST"', 'did you mean "GET"?']);
    // Methods of others, and of nobody that is known: who writes them knows them.
    expect(told(operation('{ methods: [GET, "*", "P*", PROPFIND, LIST, Sing, PURGE] }'))).toEqual([]);
  });

  test('paths begin with a slash and have no query', () => {
    expect(told(operation('{ paths: [admin] }'))).toEqual([
      ['to[0].operation.paths[0]', 'no request has "admin": paths begin with "/"', 'write "/admin"'],
    ]);
    expect(hintOf('{ paths: ["admin/*", "/a?b=c", "*.css?v=1"], notPaths: [x] }')).toEqual([
      'write "/admin/*"',
      'write "/a"',
      'write "*.css"',
      'write "/x"',
    ]);
    expect(told(operation('{ paths: ["/", "/a", "/a/*", "*", "*.css", "/a+b.(c)"] }'))).toEqual([]);
  });

  test('templates begin with a slash and have no query, too', () => {
    expect(hintOf('{ paths: ["{**}", "{*}/a", "/{*}/a?b=c"] }')).toEqual([
      'write "/{**}"',
      'write "/{*}/a"',
      'write "/{*}/a"',
    ]);
    expect(told(operation('{ paths: ["/{**}", "/a/{*}/b", "/a/{**}/b"] }'))).toEqual([]);
  });

  test('a star inside is a letter', () => {
    expect(told(operation('{ paths: ["/a/*/b", "*a*"], hosts: ["a.*.b"] }')).map(([field]) => field)).toEqual([
      'to[0].operation.paths[0]',
      'to[0].operation.paths[1]',
      'to[0].operation.hosts[0]',
    ]);
  });

  test('hosts are compared without case and have no scheme', () => {
    expect(told(operation('{ hosts: [Reviews.Shop, "*.X.Y", "reviews:80", "reviews*"] }'))).toEqual([]);
    expect(hintOf('{ hosts: ["https://a.example/b", "a.example/b"] }')).toEqual([
      'write "a.example"',
      'write "a.example"',
    ]);
  });

  test('what excludes all that it asks for', () => {
    expect(told(operation('{ methods: [GET], notMethods: [POST, "G*"] }'))).toEqual([
      ['to[0].operation.methods', 'holds for nothing: notMethods excludes all of it', 'correct one of the two'],
    ]);
    expect(told(operation('{ methods: [GET, POST], notMethods: [POST] }'))).toEqual([]);
    expect(told(operation('{ hosts: [a.example], notHosts: ["*.EXAMPLE"] }'))).toHaveLength(1);
    expect(told(operation('{ paths: ["*.css"], notPaths: ["/admin/*"] }'))).toEqual([]);
    expect(told(operation('{ paths: ["/admin/a*"], notPaths: ["/admin/*"] }'))).toHaveLength(1);
    expect(told(operation('{ paths: ["/admin/*"], notPaths: ["/admin/a*"] }'))).toEqual([]);
    expect(told(operation('{ ports: ["80"], notPorts: ["80"] }'))).toHaveLength(1);
    expect(told(source('{ namespaces: [a], notNamespaces: ["*"] }'))).toHaveLength(1);
    expect(told(source('{ ipBlocks: [10.0.0.1], notIpBlocks: [10.0.0.1] }'))).toHaveLength(1);
    expect(told('{ when: [{ key: source.namespace, values: [a], notValues: [a] }] }').map(([field]) => field)).toEqual([
      'when[0].values',
    ]);
  });
});
