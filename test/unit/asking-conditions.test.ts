import { describe, expect, test } from 'vitest';
import { conditionKeys } from '../../src/policy/kinds/authorization-values.ts';
import { authz, parse } from '../support/finding-example.ts';

function told(spec: string) {
  return parse(authz(`  ${spec}\n`)).map(({ code, severity, field, at: { line, column }, message, hint }) => ({
    ...{ code, severity, field, message, hint },
    place: `${line}:${column}`,
  }));
}

const asked = 'action: CUSTOM\n  provider: { name: judge }\n  rules:';

describe('an authorizer is asked before identities and tokens are known (WEFT0159)', () => {
  const refused = (field: string, place: string, name: string) => [
    {
      code: 'WEFT0159',
      severity: 'error',
      field: `spec.rules[0].${field}`,
      place,
      message: `${name} cannot be used with CUSTOM`,
      hint: 'it runs before identity and tokens are known',
    },
  ];

  test.each([
    ['principals', 'cluster.local/ns/shop/sa/web'],
    ['notPrincipals', 'cluster.local/ns/shop/sa/web'],
    ['namespaces', 'shop'],
    ['notNamespaces', 'shop'],
    ['serviceAccounts', 'web'],
    ['notServiceAccounts', 'web'],
    ['trustDomains', 'demo.mesh'],
    ['notTrustDomains', 'demo.mesh'],
    ['requestPrincipals', '"*"'],
    ['notRequestPrincipals', '"*"'],
  ])('source.%s', (name, value) => {
    const spec = `${asked}\n  - from:\n    - source: { ${name}: [${value}] }`;
    expect(told(spec)).toEqual(refused(`from[0].source.${name}`, '9:17', name));
  });

  const ofCallers = {
    'source.namespace': 'shop',
    'source.serviceAccount': 'web',
    'source.trustDomain': 'demo.mesh',
    'source.principal': 'cluster.local/ns/shop/sa/web',
    'request.auth.principal': '"*"',
    'request.auth.audiences': 'shop',
    'request.auth.presenter': 'web',
    'request.auth.claims[role]': 'admin',
  };
  test.each(Object.entries(ofCallers))('when %s', (key, value) => {
    const spec = `${asked}\n  - when:\n    - { key: "${key}", values: [${value}] }`;
    expect(told(spec)).toEqual(refused('when[0].key', '9:14', key));
  });

  test('what is known without them may be asked', () => {
    const others = {
      'source.ip': '10.0.0.0/8',
      'remote.ip': '10.0.0.0/8',
      'destination.ip': '10.0.0.2',
      'destination.port': '"80"',
      'connection.sni': 'www.example',
      'request.headers[x-user]': 'ann',
    };
    const keys = Object.keys({ ...ofCallers, ...others }).map((key) => key.replace(/\[.*/, '[name]'));
    expect(keys.sort()).toEqual([...conditionKeys].sort());
    const conditions = Object.entries(others).map(([key, value]) => `    - { key: "${key}", values: [${value}] }`);
    const source = '    - source: { ipBlocks: [10.0.0.0/8], notRemoteIpBlocks: [10.1.0.0/16] }';
    const spec = [asked, '  - from:', source, '    when:', ...conditions].join('\n');
    expect(told(spec).filter(({ severity }) => severity === 'error')).toEqual([]);
  });
});

describe('a policy without rules never matches (WEFT0157)', () => {
  const rulesMissing = (action: string, severity: string, field: string, place: string) => [
    {
      code: 'WEFT0157',
      severity,
      field,
      place,
      message: `${action} without rules never matches`,
      hint: '"rules: [{}]" means every request',
    },
  ];
  test.each([
    ['DENY', 'action: DENY', 'error'],
    ['CUSTOM', 'action: CUSTOM\n  provider: { name: judge }', 'error'],
    ['AUDIT', 'action: AUDIT', 'warning'],
  ])('%s', (action, spec, severity) => {
    expect(told(spec)).toEqual(rulesMissing(action, severity, 'spec.action', '5:11'));
    const at = `${spec.split('\n').length + 5}:3`;
    expect(told(`${spec}\n  rules: []`)).toEqual(rulesMissing(action, severity, 'spec.rules', at));
    expect(told(`${spec}\n  rules: [{}]`)).toEqual([]);
  });

  test('ALLOW without rules allows nobody, which is meant (P40)', () => {
    expect(told('action: ALLOW')).toEqual([]);
    expect(told('action: ALLOW\n  rules: []')).toEqual([]);
    expect(told('{}')).toEqual([]);
  });
});

describe('the remote address is what the caller says (WEFT0176)', () => {
  const warned = (spec: string) =>
    told(spec).flatMap(({ code, severity, place, field, message, hint }) =>
      code === 'WEFT0176' ? [[severity, place, field, message, hint]] : [],
    );
  const from = (fields: string) => `- from:\n    - source: { ${fields} }`;
  const rules = (rule: string, action = 'ALLOW') => `action: ${action}\n  rules:\n  ${rule}`;
  const custom = (rule: string) => `${asked}\n  ${rule}`;
  const said = (name: string) => `${name} is what x-forwarded-for says, which every caller may write`;
  const hint = (instead: string) =>
    `use ${instead}, the address that connects, or name beside it the proxy that writes the header: its principal or address`;
  const remoteIp = '- when:\n    - { key: remote.ip, values: [10.0.0.0/8] }';
  const source = 'spec.rules[0].from[0].source';

  test('where nothing says who may tell it', () => {
    const blocks = ['warning', '8:17', `${source}.remoteIpBlocks`, said('remoteIpBlocks'), hint('ipBlocks')];
    expect(warned(rules(from('remoteIpBlocks: [10.0.0.0/8]')))).toEqual([blocks]);
    expect(warned(rules(from('remoteIpBlocks: [10.0.0.0/8]'), 'DENY'))).toEqual([blocks]);
    expect(warned(rules(from('remoteIpBlocks: [10.0.0.0/8], principals: ["*"]')))).toEqual([blocks]);
    expect(warned(rules(from('remoteIpBlocks: [10.0.0.0/8], notNamespaces: [a]')))).toEqual([blocks]);
    const not = ['warning', '8:17', `${source}.notRemoteIpBlocks`, said('notRemoteIpBlocks'), hint('ipBlocks')];
    expect(warned(rules(from('notRemoteIpBlocks: [10.0.0.0/8]')))).toEqual([not]);
    const key = ['warning', '8:14', 'spec.rules[0].when[0].key', said('remote.ip'), hint('source.ip')];
    expect(warned(rules(remoteIp))).toEqual([key]);
    expect(warned(custom(remoteIp))).toEqual([['warning', '9:14', ...key.slice(2)]]);
    expect(warned(rules(`${from('requestPrincipals: ["*"]')}\n    ${remoteIp.slice(2)}`))).toHaveLength(1);
  });

  test('not beside the proxy that writes the header, nor where nothing is decided', () => {
    const named = ['principals: [cluster.local/ns/edge/sa/edge]', 'namespaces: [edge]', 'ipBlocks: [10.0.0.1]'];
    for (const proxy of named) {
      expect(warned(rules(from(`remoteIpBlocks: [10.0.0.0/8], ${proxy}`)))).toEqual([]);
      expect(warned(rules(`${from(proxy)}\n    ${remoteIp.slice(2)}`))).toEqual([]);
    }
    const edge = '    - { key: source.namespace, values: [edge] }';
    expect(warned(rules(`${remoteIp}\n${edge}`))).toEqual([]);
    expect(warned(rules(from('remoteIpBlocks: [10.0.0.0/8]'), 'AUDIT'))).toEqual([]);
  });
});
