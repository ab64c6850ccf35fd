import { describe, expect, test } from 'vitest';
import { createTreeCheck } from '../../src/control-plane/check-tree.ts';
import { found, security, told } from '../support/found-between.ts';
import { settings } from '../support/registry-values.ts';

/* Rules about paths where paths are not brought into one form first (P47). */

const policy = (...rules: readonly string[]) =>
  security('AuthorizationPolicy', `{ action: DENY, rules: [${rules.map((to) => `{ to: [${to}] }`).join(', ')}] }`);
const operation = (words: string) => `{ operation: { ${words} } }`;

/** The findings with a MeshConfig beside the policy. */
function under(normalization: string, text: string) {
  const check = createTreeCheck({ settings, folders: 'namespace', root: 'policies', joined: () => new Map() });
  const files = [
    { path: 'policies/meshconfig.yaml', text: `pathNormalization: { normalization: ${normalization} }\n` },
    { path: 'policies/shop/a.yaml', text },
  ];
  const { diagnostics } = check({ commit: 'x', files, diagnostics: [], author: '', subject: '', time: 0 });
  return diagnostics.filter(({ code }) => code === 'WEFT0162');
}

describe('WEFT0162', () => {
  test.each(['paths: [/admin]', 'notPaths: [/public*]', 'paths: ["/a/{*}"], methods: [GET]'])('%s', (words) => {
    const field = words.startsWith('not') ? 'notPaths' : 'paths';
    expect(told(policy(operation(words)), 'WEFT0162')).toEqual([
      `warning spec.rules[0].to[0].operation.${field}: in meshconfig.yaml set pathNormalization: {normalization: MERGE_SLASHES} or DECODE_AND_MERGE_SLASHES`,
    ]);
  });

  test.each(['paths: ["*"]', 'paths: ["/*"]', 'paths: ["/{**}"]', 'methods: [GET]', 'hosts: [admin]'])(
    '%s tells no path from another',
    (words) => {
      expect(found(policy(operation(words)), 'WEFT0162')).toEqual([]);
    },
  );

  test('is told once for each policy, at the first such operation', () => {
    const text = policy(operation('methods: [GET]'), `${operation('hosts: [a]')}, ${operation('paths: [/a, /b]')}`);
    expect(found(`${text}${policy(operation('paths: [/c]')).replace('name: x', 'name: y')}`, 'WEFT0162')).toHaveLength(
      2,
    );
    expect(found(text, 'WEFT0162').map(({ field }) => field)).toEqual(['spec.rules[1].to[1].operation.paths']);
  });

  test('each mode', () => {
    const text = policy(operation('paths: [/admin]'));
    const said = (mode: string) => under(mode, text).map(({ message, related }) => [message, related?.[0]?.file]);
    const words = (mode: string, what: string) => `path rule under pathNormalization ${mode}; ${what} can differ`;
    expect(said('NONE')).toEqual([[words('NONE', '"/../", "//" and "%2F"'), 'policies/meshconfig.yaml']]);
    expect(said('BASE')).toEqual([[words('BASE', '"//" and "%2F"'), 'policies/meshconfig.yaml']]);
    expect(said('DEFAULT')).toEqual(said('BASE'));
    expect(said('MERGE_SLASHES')).toEqual([]);
    expect(said('DECODE_AND_MERGE_SLASHES')).toEqual([]);
    expect(found(text, 'WEFT0162').map(({ message }) => message)).toEqual([words('BASE', '"//" and "%2F"')]);
  });
});
