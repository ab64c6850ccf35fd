import { describe, expect, it } from 'vitest';
import type { MeshSettings } from '../../src/model/mesh.ts';
import type { VirtualServiceObject } from '../../src/model/policy.ts';
import { holdsAddress } from '../../src/policy/address-range.ts';
import { parsePolicies } from '../../src/policy/parse-policies.ts';
import { checkReferences } from '../../src/policy/references.ts';
import { buildServices } from '../../src/registry/services.ts';

const settings: MeshSettings = {
  trustDomain: 'demo.mesh',
  dnsSuffix: 'cluster.local',
  rootNamespace: 'istio-system',
};

const virtualService = (hosts: string, rules: string) => `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: rules, namespace: shop }
spec:
  hosts: ${hosts}
${rules}`;

const entry = (name: string, host: string, protocol: string, more = '') => `---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: ${name}, namespace: shop }
spec: { hosts: ["${host}"], resolution: STATIC, ports: [{ number: 5432, name: p, protocol: ${protocol} }], endpoints: [{ address: 192.0.2.1 }]${more} }
`;

const db = entry('db', 'db.test', 'TCP');
const secure = entry('secure', 'secure.test', 'TLS');
const to = (host: string) => `route: [{ destination: { host: ${host} } }]`;

function parse(text: string) {
  const options = { commit: 'x', rootNamespace: 'istio-system', folders: 'free' as const };
  return parsePolicies([{ path: 'policies/a.yaml', text }], options);
}

/** Every finding as `CODE severity field: message`, those of the registry included. */
function findings(text: string): readonly string[] {
  const { diagnostics, objects, policies } = parse(text);
  const services = policies ? buildServices(policies, new Map(), settings).services : undefined;
  const found = services === undefined ? [] : checkReferences(objects, services, [], settings);
  return [...diagnostics, ...found].map(
    ({ code, severity, field, message }) => `${code} ${severity} ${field}: ${message}`,
  );
}

describe('the text of rules about connections', () => {
  it('becomes matches and weighted destinations; a port of 0 is none; mesh is where rules act', () => {
    const { policies } = parse(
      virtualService(
        '[secure.test, Db.Test]',
        `  tls:
  - match: [{ sniHosts: [Secure.Test], port: 0, sourceLabels: { app: web }, gateways: [mesh] }]
    route: [{ destination: { host: secure.test, subset: v1, port: { number: 5432 } }, weight: 3 }, { destination: { host: db.test }, weight: 1 }]
  tcp:
  - match: [{ port: 5432, sourceNamespace: shop, destinationSubnets: [10.0.0.0/8, 10.9.9.9] }]
    ${to('db.test')}
  - ${to('secure.test')}
`,
      ) +
        db +
        secure,
    );
    const object = policies?.objects.find((one): one is VirtualServiceObject => one.kind === 'VirtualService');
    expect(object?.spec.http).toEqual([]);
    expect(object?.spec.tls).toStrictEqual([
      {
        match: [{ sourceLabels: { app: 'web' }, destinationSubnets: [], sniHosts: ['secure.test'] }],
        route: [
          { destination: { host: 'secure.test', subset: 'v1', port: 5432 }, weight: 3 },
          { destination: { host: 'db.test' }, weight: 1 },
        ],
      },
    ]);
    expect(object?.spec.tcp).toStrictEqual([
      {
        match: [
          {
            port: 5432,
            sourceLabels: {},
            sourceNamespace: 'shop',
            destinationSubnets: ['10.0.0.0/8', '10.9.9.9'],
          },
        ],
        route: [{ destination: { host: 'db.test' } }],
      },
      { match: [], route: [{ destination: { host: 'secure.test' } }] },
    ]);
  });

  const tls = (match: string) =>
    virtualService('[secure.test]', `  tls: [{ match: [${match}], ${to('secure.test')} }]\n`) + secure;
  const tcp = (...rules: string[]) =>
    virtualService('[db.test]', `  tcp:\n${rules.map((rule) => `  - ${rule}\n`).join('')}`) + db;

  it.each([
    ['no match', virtualService('[secure.test]', `  tls: [{ ${to('secure.test')} }]\n`), 'WEFT0002 error spec.tls[0]'],
    ['a match without server names', tls('{ port: 5432 }'), 'WEFT0002 error spec.tls[0].match[0]'],
    ['no server name in the list', tls('{ sniHosts: [] }'), 'WEFT0002 error spec.tls[0].match[0].sniHosts'],
    ['no route', virtualService('[db.test]', '  tcp: [{ match: [{ port: 1 }] }]\n'), 'WEFT0002 error spec.tcp[0]'],
    ['an empty route', virtualService('[db.test]', '  tcp: [{ route: [] }]\n'), 'WEFT0002 error spec.tcp[0].route'],
    [
      'nobody as a destination',
      tcp('route: [{ destination: { host: "*" } }]'),
      'WEFT0002 error spec.tcp[0].route[0].destination.host',
    ],
    ['no rule at all', virtualService('[db.test]', '  tcp: []\n'), 'WEFT0002 error spec:'],
    [
      'a port beyond 65535',
      tcp(`{ match: [{ port: 65536 }], ${to('db.test')} }`),
      'WEFT0002 error spec.tcp[0].match[0].port',
    ],
    [
      'a range that is none',
      tcp(`{ match: [{ destinationSubnets: [10.0.0.0/33] }], ${to('db.test')} }`),
      'WEFT0002 error spec.tcp[0].match[0].destinationSubnets[0]',
    ],
    [
      'all weights 0',
      tcp('{ route: [{ destination: { host: a }, weight: 0 }, { destination: { host: b } }] }'),
      'WEFT0002 error spec.tcp[0].route',
    ],
    [
      'sourceSubnet',
      tcp(`{ match: [{ sourceSubnet: 10.0.0.0/8 }], ${to('db.test')} }`),
      'WEFT0004 error spec.tcp[0].match[0].sourceSubnet',
    ],
    [
      'a gateway',
      tcp(`{ match: [{ gateways: [mesh, edge] }], ${to('db.test')} }`),
      'WEFT0004 error spec.tcp[0].match[0].gateways[1]',
    ],
    [
      'a misspelt field',
      tls('{ sniHost: [secure.test], sniHosts: [secure.test] }'),
      'WEFT0002 error spec.tls[0].match[0]: unknown field "sniHost"',
    ],
    [
      'a server name beyond the hosts (P19)',
      tls('{ sniHosts: [other.test] }'),
      'WEFT0136 error spec.tls[0].match[0].sniHosts[0]',
    ],
    [
      'a server name wider than the hosts',
      tls('{ sniHosts: ["*.test"] }'),
      'WEFT0136 error spec.tls[0].match[0].sniHosts[0]',
    ],
    [
      'a missing weight (P15)',
      tcp('{ route: [{ destination: { host: db.test }, weight: 1 }, { destination: { host: db.test } }] }'),
      'WEFT0134 warning spec.tcp[0].route[1]',
    ],
    [
      'a rule after one that takes all (P11)',
      tcp(to('db.test'), `match: [{ port: 5432 }]\n    ${to('db.test')}`),
      'WEFT0130 warning spec.tcp[1]',
    ],
    [
      'a rule whose matches stand before',
      tcp(`match: [{ port: 5432 }]\n    ${to('db.test')}`, `match: [{ port: 5432 }]\n    ${to('db.test')}`),
      'WEFT0130 warning spec.tcp[1]',
    ],
    [
      'a match that repeats one',
      tcp(`match: [{ port: 5432 }, { port: 5432 }]\n    ${to('db.test')}`),
      'WEFT0131 info spec.tcp[0].match[1]',
    ],
  ])('%s is told', (_, text, expected) => {
    expect(findings(text).join('\n')).toContain(expected);
  });

  it('wildcards of whole labels are server names; parts of labels are refused by name, addresses told', () => {
    const wild = entry('wild', '*.wild.test', 'TLS');
    const rules = (name: string) =>
      virtualService('["*.wild.test"]', `  tls: [{ match: [{ sniHosts: ["${name}"] }], ${to('"*.wild.test"')} }]\n`) +
      wild;
    expect(findings(rules('*.wild.test'))).toEqual([]);
    expect(findings(rules('a.wild.test'))).toEqual([]);
    expect(findings(rules('*a.wild.test')).join()).toContain('WEFT0004 error spec.tls[0].match[0].sniHosts[0]');
    expect(findings(tls('{ sniHosts: [10.0.0.1] }')).join()).toContain(
      'WEFT0136 warning spec.tls[0].match[0].sniHosts[0]',
    );
  });
});

describe('what rules about connections name', () => {
  const tcp = (rule: string, more = db) => findings(virtualService('[db.test]', `  tcp: [{ ${rule} }]\n`) + more);

  it('is all there', () => {
    expect(tcp(to('db.test'))).toEqual([]);
    expect(
      findings(
        virtualService('[secure.test]', `  tls: [{ match: [{ sniHosts: [secure.test] }], ${to('secure.test')} }]\n`) +
          secure,
      ),
    ).toEqual([]);
  });

  it.each([
    ['a host that is nothing', to('bd.test'), 'WEFT0101 error spec.tcp[0].route[0].destination.host'],
    [
      'a port that the host lacks',
      'route: [{ destination: { host: db.test, port: { number: 1 } } }]',
      'WEFT0113 error spec.tcp[0].route[0].destination.port.number',
    ],
    [
      'a subset that is not defined',
      'route: [{ destination: { host: db.test, subset: v1 } }]',
      'WEFT0173 error spec.tcp[0].route[0].destination.subset',
    ],
    [
      'a matched port that no host has',
      `match: [{ port: 1 }], ${to('db.test')}`,
      'WEFT0113 error spec.tcp[0].match[0].port',
    ],
  ])('%s', (_, rule, expected) => {
    expect(tcp(rule).join('\n')).toContain(expected);
  });

  it('several ports of which the destination names none (P14, WEFT0112)', () => {
    const two = db.replace('ports: [', 'ports: [{ number: 5433, name: q, protocol: TCP }, ').replaceAll('db', 'two');
    expect(tcp(to('two.test'), db + two)).toEqual([]);
    const other = two.replaceAll('5432', '5434');
    expect(tcp(to('two.test'), db + other).join()).toContain('WEFT0112 error spec.tcp[0].route[0].destination.host');
  });

  it('P19: rules of a layer that no port of the hosts has', () => {
    const rules = (host: string, layer: string) =>
      findings(
        virtualService(
          `[${host}]`,
          layer === 'http'
            ? `  http: [{ ${to(host)} }]\n`
            : layer === 'tcp'
              ? `  tcp: [{ ${to(host)} }]\n`
              : `  tls: [{ match: [{ sniHosts: [${host}] }], ${to(host)} }]\n`,
        ) +
          db +
          secure,
      );
    const unmet = (host: string, layer: string) => rules(host, layer).filter((line) => line.startsWith('WEFT0136'));
    expect(unmet('db.test', 'tcp')).toEqual([]);
    expect(unmet('secure.test', 'tls')).toEqual([]);
    expect(unmet('secure.test', 'tcp')).toEqual([
      'WEFT0136 error spec.hosts[0]: tcp rules meet no such port of secure.test',
    ]);
    expect(unmet('db.test', 'tls')).toEqual(['WEFT0136 error spec.hosts[0]: tls rules meet no such port of db.test']);
    expect(unmet('db.test', 'http')).toEqual(['WEFT0136 error spec.hosts[0]: http rules meet no such port of db.test']);
    // Rules of several layers each meet some port of some host, or are told.
    const both = `  tls: [{ match: [{ sniHosts: [secure.test] }], ${to('secure.test')} }]\n  tcp: [{ ${to('db.test')} }]\n`;
    expect(findings(virtualService('[db.test, secure.test]', both) + db + secure)).toEqual([]);
    expect(findings(virtualService('[secure.test]', both) + db + secure)).toEqual([
      'WEFT0136 error spec.tcp: tcp rules meet no such port of secure.test',
    ]);
  });

  it('the fix of WEFT0136 is written in the words of the kind that declares the port', () => {
    const hint = (declared: string, host: string, layer: 'http' | 'tls') => {
      const match = layer === 'tls' ? `match: [{ sniHosts: ["${host}"] }], ` : '';
      const { policies } = parse(virtualService(`["${host}"]`, `  ${layer}: [{ ${match}${to(host)} }]\n`) + declared);
      if (policies === undefined) throw new Error('not read');
      const { services } = buildServices(policies, new Map(), settings);
      const found = checkReferences(policies.objects, services, undefined, settings);
      return found.find(({ code }) => code === 'WEFT0136')?.hint;
    };
    expect(hint(db, 'db.test', 'http')).toBe('ports: 5432: tcp; set protocol: HTTP where it is HTTP');
    expect(hint(db, 'db.test', 'tls')).toBe(
      'ports: 5432: tcp; set protocol: TLS where it is TLS that the mesh does not open',
    );
    const underTls = 'use tls rules, or begin TLS in the sidecar: protocol HTTP here, and a DestinationRule with tls';
    expect(hint(secure, 'secure.test', 'http')).toBe(`ports: 5432: tls; ${underTls}`);
    expect(hint(entry('site', 'site.test', 'HTTPS'), 'site.test', 'http')).toBe(`ports: 5432: https; ${underTls}`);
    const service =
      '---\napiVersion: v1\nkind: Service\nmetadata: { name: own, namespace: shop }\nspec: { ports: [{ name: tcp, port: 1 }] }\n';
    expect(hint(service, 'own', 'http')).toBe('ports: 1: tcp; set appProtocol: http where it is HTTP');
  });

  it('destinationSubnets are about declared addresses (WEFT0140, WEFT0130)', () => {
    const rule = `match: [{ destinationSubnets: [10.0.0.0/8] }], ${to('db.test')}`;
    expect(tcp(rule).join()).toContain(
      'WEFT0140 error spec.tcp[0].match[0].destinationSubnets: connections to db.test',
    );
    // The range of the entry tells connections apart here, and leads nobody.
    expect(tcp(rule, entry('db', 'db.test', 'TCP', ', addresses: [10.1.0.0/16]'))).toEqual([
      expect.stringContaining('WEFT0132 warning spec.addresses[0]: range 10.1.0.0/16 leads no call here'),
    ]);
    expect(tcp(rule, entry('db', 'db.test', 'TCP', ', addresses: [192.168.0.1]')).join()).toContain(
      'WEFT0130 warning spec.tcp[0].match[0].destinationSubnets',
    );
  });

  it('TCP ports that cannot be told apart (WEFT0140)', () => {
    const twins = (more = '') =>
      entry('a', 'a.test', 'TCP', ', addresses: [10.0.0.1]') +
      entry('b', 'b.test', 'TCP', `, addresses: [10.0.0.1]${more}`);
    const twice = (text: string) => findings(text.slice('---\n'.length)).filter((line) => line.startsWith('WEFT0140'));
    expect(twice(twins())).toEqual([
      'WEFT0140 warning spec.ports[0]: TCP port 5432 at 10.0.0.1 cannot be told apart: a.test has it, too',
    ]);
    expect(twice(twins(', exportTo: ["~"]'))).toEqual([]);
    expect(twice(entry('w', '*.w.test', 'TCP'))).toHaveLength(1);
    expect(twice(entry('w', '*.w.test', 'TCP', ', addresses: [10.0.0.1]'))).toEqual([]);
    expect(twice(entry('w', '*.w.test', 'TCP', ', addresses: [10.0.0.0/24]'))).toHaveLength(1);
    expect(twice(entry('w', '*.w.test', 'TLS'))).toEqual([]);
  });
});

it.each([
  ['10.0.0.0/8', '10.255.0.1', true],
  ['10.0.0.0/8', '11.0.0.1', false],
  ['10.0.0.0/8', '10.1.0.0/16', true],
  ['10.1.0.0/16', '10.0.0.0/8', false],
  ['10.0.0.1', '10.0.0.1', true],
  ['10.0.0.1', '10.0.0.1/32', true],
  ['fd00::/8', 'fd12::1', true],
  ['::/0', '10.0.0.1', false],
  ['0.0.0.0/0', '10.0.0.1', true],
])('%s holds %s: %s', (range, address, holds) => {
  expect(holdsAddress(range, address)).toBe(holds);
});
