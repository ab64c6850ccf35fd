import { expect, test } from 'vitest';
import { parsePolicies } from '../../src/policy/parse-policies.ts';

function errors(spec: string): readonly string[] {
  const text = `apiVersion: v1\nkind: Service\nmetadata: { name: a }\nspec: ${spec}\n`;
  const { diagnostics } = parsePolicies([{ path: 'policies/shop/a.yaml', text }], {
    commit: '4f1c2ab',
    rootNamespace: 'istio-system',
    folders: 'namespace',
  });
  return diagnostics.filter(({ severity }) => severity === 'error').map(({ field }) => field ?? '');
}

test.each<readonly [string, readonly string[]]>([
  // What was meant may be None, with which no ports are needed.
  ['{ clusterIP: [None], selector: { a: b } }', ['spec.clusterIP']],
  ['{ clusterIP: 7, selector: { a: b } }', ['spec.clusterIP']],
  ['{ clusterIP: 7, selector: { a: [b] } }', ['spec.clusterIP', 'spec.selector.a']],
  ['{ selector: { a: [b] } }', ['spec', 'spec.selector.a']],
  ['{ clusterIP: "~ ~", clusterIPs: [10.0.0.1], ports: [{ port: 80 }] }', ['spec.clusterIP']],
  ['{ clusterIP: 10.0.0.2, clusterIPs: [10.0.0.1], ports: [{ port: 80 }] }', ['spec.clusterIPs[0]']],
  ['{ clusterIP: None, clusterIPs: [10.0.0.1], ports: [{ port: 80 }] }', ['spec.clusterIPs[0]']],
  ['{ clusterIP: "~ ~", ports: [{ port: 80 }] }', ['spec.clusterIP']],
])('%s is wrong in %j alone', (spec, fields) => {
  expect([...errors(spec)].sort()).toEqual(fields);
});
