import { expect, test } from 'vitest';
import { parse } from '../support/finding-example.ts';

const head = 'apiVersion: v1\nkind: Namespace\nmetadata:\n  name: shop\n';
const found = (text: string) =>
  parse(text).map(({ code, severity, field, at }) => `${code} ${severity} ${field} ${at.line}`);

test.each<[string, string, readonly string[]]>([
  ['with labels', `${head}  labels: { istio-injection: enabled }\n`, ['WEFT0132 info metadata.name 4']],
  [
    'with what a server wrote',
    `${head}status: { phase: Active }\n`,
    ['WEFT0008 info status 5', 'WEFT0132 info metadata.name 4'],
  ],
  ['with a body', `${head}spec: { finalizers: [kubernetes] }\n`, ['WEFT0004 error spec 5']],
  ['with a label that is none', `${head}  labels: { "a b": c }\n`, ['WEFT0002 error metadata.labels["a b"] 5']],
  [
    'with an annotation of Istio',
    `${head}  annotations: { istio.io/x: y }\n`,
    ['WEFT0004 error metadata.annotations["istio.io/x"] 5'],
  ],
  ['misspelt', `${head}  lables: {}\n`, ['WEFT0002 error metadata 5']],
])('a Namespace (section 1.1) is read, and said to act on nothing: %s', (_name, text, findings) => {
  expect([...found(text)].sort()).toEqual([...findings].sort());
});

test('a file that begins with its Namespace is served', () => {
  const service =
    '---\napiVersion: v1\nkind: Service\nmetadata: { name: a }\nspec: { ports: [{ name: http, port: 80 }] }\n';
  expect(found(head + service)).toEqual(['WEFT0132 info metadata.name 4']);
});
