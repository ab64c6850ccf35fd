import { describe, expect, test } from 'vitest';
import { parsePolicies } from '../../src/policy/parse-policies.ts';

const to = 'route: [{ destination: { host: a } }]';

/** What is said of rules in this order, each with these matches (`[...]`, in flow form); a last rule takes what is left. */
function told(...matches: readonly string[]): readonly string[] {
  const rules = [...matches.map((match) => `  - match: ${match}\n    ${to}\n`), `  - ${to}\n`];
  const text = `apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: { name: x }\nspec:\n  hosts: [a]\n  http:\n${rules.join('')}`;
  const { diagnostics } = parsePolicies([{ path: 'policies/shop/a.yaml', text }], {
    commit: 'x',
    rootNamespace: 'istio-system',
    folders: 'namespace',
  });
  return diagnostics.map(({ code, severity, field, hint }) => `${severity} ${code} ${field}: ${hint}`);
}

const unreached = ['warning WEFT0130 spec.http[1]: move it before spec.http[0] at policies/shop/a.yaml:7'];

describe('P11: an http rule of which earlier ones leave nothing', () => {
  test.each([
    ['a longer prefix', '{ uri: { prefix: /api } }', '{ uri: { prefix: /api/v2 } }'],
    ['a prefix is of texts, not of segments', '{ uri: { prefix: /api } }', '{ uri: { prefix: /apis } }'],
    ['a path within a prefix', '{ uri: { prefix: /api } }', '{ uri: { exact: /api/v2 } }'],
    ['one more condition', '{ uri: { prefix: /api } }', '{ uri: { prefix: /api }, method: { exact: GET } }'],
    ['a port, a client', '{ method: { exact: GET } }', '{ method: { exact: GET }, port: 80, sourceNamespace: shop }'],
    [
      'labels of clients',
      '{ sourceLabels: { app: a } }',
      '{ sourceLabels: { app: a, version: v1 }, uri: { prefix: /a } }',
    ],
    ['a header that has to be there', '{ headers: { user: {} } }', '{ headers: { User: { exact: a } } }'],
    ['a query parameter', '{ queryParams: { q: { prefix: a } } }', '{ queryParams: { q: { exact: ab } } }'],
    ['paths in any case', '{ uri: { prefix: /API }, ignoreUriCase: true }', '{ uri: { exact: /api/a } }'],
    [
      'fewer headers are left out',
      '{ withoutHeaders: { user: { exact: a } } }',
      '{ withoutHeaders: { user: { prefix: a } }, uri: { prefix: /a } }',
    ],
    [
      'an expression for every path, with a condition',
      '{ uri: { regex: ".*" }, port: 80 }',
      '{ uri: { exact: /a }, port: 80 }',
    ],
  ])('%s: WEFT0130', (_, first, second) => {
    expect(told(`[${first}]`, `[${second}]`)).toEqual(unreached);
    expect(told(`[${second}]`, `[${first}]`)).toEqual([]);
  });

  test('all of its matches stand before, in one rule or in several', () => {
    const [a, b, c] = ['{ uri: { exact: /a } }', '{ uri: { exact: /b } }', '{ uri: { exact: /c } }'];
    const hint = 'remove the whole rule, or give it another match';
    expect(told(`[${a}, ${b}]`, `[${b}]`)).toEqual([`warning WEFT0130 spec.http[1]: ${hint}`]);
    expect(told(`[${a}]`, `[${b}]`, `[${b}, ${a}]`)).toEqual([`warning WEFT0130 spec.http[2]: ${hint}`]);
    expect(told(`[${a}]`, `[${b}, ${a}]`)).toEqual([
      'info WEFT0131 spec.http[1].match[1]: remove it; with the last match of a rule remove the rule',
    ]);
    expect(told(`[${a}]`, `[${b}]`, `[${c}]`)).toEqual([]);
  });

  test('one of its matches is taken: WEFT0131', () => {
    expect(told('[{ uri: { prefix: /a } }]', '[{ uri: { exact: /b } }, { uri: { exact: /a/c } }]')).toEqual([
      'info WEFT0131 spec.http[1].match[1]: remove it; with the last match of a rule remove the rule',
    ]);
  });

  test.each([
    ['another path', '{ uri: { prefix: /api/ } }', '{ uri: { prefix: /api } }'],
    [
      'paths in any case after one case',
      '{ uri: { prefix: /api } }',
      '{ uri: { exact: /api/a }, ignoreUriCase: true }',
    ],
    ['another method', '{ uri: { prefix: /api }, method: { exact: GET } }', '{ uri: { prefix: /api/a } }'],
    ['a header of another name', '{ headers: { a: {} } }', '{ headers: { b: {} } }'],
    [
      'more is left out by the first',
      '{ withoutHeaders: { a: { prefix: a } } }',
      '{ withoutHeaders: { a: { exact: ab } } }',
    ],
    ['other expressions', '{ uri: { regex: "/a.*" } }', '{ uri: { regex: "/ab.*" } }'],
    [
      'another client',
      '{ uri: { prefix: /a }, sourceLabels: { a: b } }',
      '{ uri: { prefix: /a }, sourceLabels: { a: c } }',
    ],
  ])('%s: nothing', (_, first, second) => {
    expect(told(`[${first}]`, `[${second}]`)).toEqual([]);
  });
});
