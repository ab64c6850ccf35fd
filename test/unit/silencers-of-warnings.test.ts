import { describe, expect, test } from 'vitest';
import { createTreeCheck } from '../../src/control-plane/check-tree.ts';
import { settings } from '../support/registry-values.ts';

/** What is said of a file of namespace shop, workloads known: `code message`. */
function told(text: string): readonly string[] {
  const check = createTreeCheck({ settings, folders: 'namespace', root: 'policies', joined: () => new Map() });
  const files = [{ path: 'policies/shop/a.yaml', text }];
  const { diagnostics } = check({ commit: 'x', files, diagnostics: [], author: '', subject: '', time: 0 });
  return diagnostics.filter(({ code }) => code !== 'WEFT0205').map(({ code, message }) => `${code} ${message}`);
}

const service = `apiVersion: v1
kind: Service
metadata: { name: db }
spec: { ports: [{ name: tls, port: 443 }] }
`;

describe('codes that are errors in some cases and warnings in others', () => {
  test.each(['0004', '0101', '0102', '0113', '0136', '0140', '0182', '0183', '0184', '0185'])(
    'WEFT%s: a silencer without work covers no finding',
    (number) => {
      const text = `# weft-ignore WEFT${number}: known\n${service}`;
      expect(told(text)).toContain(`WEFT0009 silencer of WEFT${number} covers no finding`);
    },
  );

  test.each(['0109', '0173', '0181'])('WEFT%s is always an error', (number) => {
    const text = `# weft-ignore WEFT${number}: known\n${service}`;
    expect(told(text)).toContain(`WEFT0009 WEFT${number} is an error and cannot be silenced`);
  });

  test('a warning that the text alone tells, of a code of the references, is silenced without a word', () => {
    const rule = (comment: string) => `${service}---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: db }
spec:
  hosts: [db]
  tls:
  - match:
    - sniHosts: [db]
    - sniHosts: [10.0.0.1]${comment}
    route: [{ destination: { host: db } }]
`;
    expect(told(rule(''))).toEqual([expect.stringMatching(/^WEFT0136 server name 10.0.0.1 is an address/)]);
    expect(told(rule(' # weft-ignore WEFT0136: old clients'))).toEqual([]);
  });
});
