import { describe, expect, test } from 'vitest';
import { parsePolicies } from '../../src/policy/parse-policies.ts';

/** The errors of one object, as `CODE field`. */
function errorsOf(kind: string, spec: object, apiVersion = 'networking.istio.io/v1'): readonly string[] {
  const document = { apiVersion, kind, metadata: { name: 'x' }, spec };
  const files = [{ path: 'policies/shop/a.json', text: JSON.stringify(document) }];
  return parsePolicies(files, { commit: 'x', rootNamespace: 'istio-system', folders: 'namespace' })
    .diagnostics.filter(({ severity }) => severity === 'error')
    .map(({ code, field }) => `${code} ${field}`);
}

function warningsOf(kind: string, spec: object) {
  const document = { apiVersion: 'networking.istio.io/v1', kind, metadata: { name: 'x' }, spec };
  const files = [{ path: 'policies/shop/a.json', text: JSON.stringify(document) }];
  const { diagnostics } = parsePolicies(files, { commit: 'x', rootNamespace: 'istio-system', folders: 'namespace' });
  return diagnostics.filter(({ severity }) => severity === 'warning');
}

const tcp = { number: 5432, name: 'tcp-db', protocol: 'TCP' };
const http = { number: 80, name: 'http', protocol: 'HTTP' };
const hosts = ['db.example'];
const ip = { address: '10.0.0.1' };

describe('ServiceEntry', () => {
  test.each<[string, object, readonly string[]]>([
    ['needs no port', { hosts }, []],
    ['needs no endpoints when STATIC', { hosts, ports: [tcp], resolution: 'STATIC' }, []],
    ['an unset protocol may be empty', { hosts, ports: [{ ...tcp, protocol: '' }] }, []],
    ['a target port by name', { hosts, ports: [{ ...tcp, targetPort: 'a' }] }, ['WEFT0002 spec.ports[0].targetPort']],
    ['a target port of 0', { hosts, ports: [{ ...tcp, targetPort: 0 }] }, ['WEFT0002 spec.ports[0].targetPort']],
    ['an address for a host', { hosts: ['10.0.0.1'], ports: [http] }, ['WEFT0002 spec.hosts[0]']],
    ['a host twice', { hosts: ['a.b', 'A.b.'], ports: [http] }, []],
    ['names of ports in capitals', { hosts, ports: [{ ...tcp, name: 'TCP' }] }, []],
    ['several hosts of HTTP', { hosts: ['a.b', 'c.b'], ports: [http], resolution: 'DNS' }, []],
    [
      'several hosts of TCP',
      { hosts: ['a.b', 'c.b'], ports: [http, tcp], resolution: 'DNS' },
      ['WEFT0002 spec.ports[1]'],
    ],
    ['several hosts of TCP without resolution', { hosts: ['a.b', 'c.b'], ports: [tcp] }, []],
    [
      'a range beside DNS',
      { hosts, ports: [tcp], addresses: ['10.0.0.0/8'], resolution: 'DNS' },
      ['WEFT0002 spec.addresses[0]'],
    ],
    ['a range beside STATIC', { hosts, ports: [tcp], addresses: ['10.0.0.0/8'], resolution: 'STATIC' }, []],
    [
      'a port that it has not',
      { hosts, ports: [tcp], resolution: 'STATIC', endpoints: [{ ...ip, ports: { http: 80 } }] },
      ['WEFT0002 spec.endpoints[0].ports.http'],
    ],
    [
      'a name for an address',
      { hosts, ports: [tcp], resolution: 'STATIC', endpoints: [{ address: 'a.b' }] },
      ['WEFT0002 spec.endpoints[0].address'],
    ],
    ['endpoints without resolution', { hosts, ports: [tcp], endpoints: [ip] }, ['WEFT0137 spec.endpoints']],
    [
      'a selector beside DNS',
      { hosts, ports: [http], resolution: 'DNS', workloadSelector: { labels: { a: 'b' } } },
      [],
    ],
    [
      'a wildcard and a selector beside DNS',
      { hosts: ['*.b'], ports: [http], resolution: 'DNS', workloadSelector: { labels: { a: 'b' } } },
      ['WEFT0002 spec.hosts[0]'],
    ],
    ['a part of a label as a star', { hosts: ['*a.b'], ports: [http] }, ['WEFT0004 spec.hosts[0]']],
    ['an underscore', { hosts: ['a_b.c'], ports: [http] }, ['WEFT0002 spec.hosts[0]']],
    [
      'too many hosts',
      { hosts: Array.from({ length: 257 }, (_, index) => `h${index}.b`), ports: [http] },
      ['WEFT0002 spec.hosts'],
    ],
    [
      'two endpoints of one name',
      { hosts, ports: [http], resolution: 'DNS_ROUND_ROBIN', endpoints: [ip, ip] },
      ['WEFT0002 spec.endpoints'],
    ],
    ['hosts that requests say', { hosts: ['*.b'], ports: [http], resolution: 'DYNAMIC_DNS' }, []],
    [
      'a host with a name that requests shall say',
      { hosts: ['a.b'], ports: [http], resolution: 'DYNAMIC_DNS' },
      ['WEFT0002 spec.hosts[0]'],
    ],
    [
      'addresses and endpoints of hosts that requests say',
      { hosts: ['*.b'], ports: [http], resolution: 'DYNAMIC_DNS', addresses: ['10.0.0.1'], endpoints: [ip] },
      ['WEFT0137 spec.addresses', 'WEFT0137 spec.endpoints'],
    ],
    [
      'a protocol that says no host',
      { hosts: ['*.b'], ports: [{ ...tcp, protocol: 'HTTPS' }], resolution: 'DYNAMIC_DNS' },
      ['WEFT0002 spec.ports[0].protocol'],
    ],
    ['a socket', { hosts, ports: [http], resolution: 'STATIC', endpoints: [{ address: 'unix:///a' }] }, []],
    [
      'a socket for several ports',
      { hosts, ports: [http, tcp], resolution: 'STATIC', endpoints: [{ address: 'unix:///a' }] },
      ['WEFT0002 spec.endpoints[0].address'],
    ],
    [
      'a socket that DNS shall resolve',
      { hosts, ports: [http], resolution: 'DNS', endpoints: [{ address: 'unix:///a' }] },
      ['WEFT0002 spec.endpoints[0].address'],
    ],
  ])('%s', (_name, spec, errors) => {
    expect(errorsOf('ServiceEntry', spec)).toEqual(errors);
  });
});

describe('a range leads nobody (WEFT0132)', () => {
  const nobody = 'leads no call here: a host is known by its names and by single addresses';
  const endpoints = [ip];
  test.each<[string, object, readonly string[]]>([
    ['beside STATIC', { resolution: 'STATIC', endpoints, addresses: ['10.1.0.0/16'] }, [`range 10.1.0.0/16 ${nobody}`]],
    ['all of one address', { addresses: ['10.1.0.1/32', 'fd00::1/128', '10.1.0.2'] }, []],
    ['beside an address', { addresses: ['10.1.0.1', 'fd00::/64'] }, [`range fd00::/64 ${nobody}`]],
    [
      'alone, of connections that say no host',
      { addresses: ['10.1.0.0/16'] },
      [`range 10.1.0.0/16 ${nobody}; connections go to what DNS says of db.example`],
    ],
    ['alone, of requests', { addresses: ['10.1.0.0/16'], ports: [http] }, [`range 10.1.0.0/16 ${nobody}`]],
  ])('%s', (_name, spec, told) => {
    const whole = { hosts, ports: [tcp], ...spec };
    expect(warningsOf('ServiceEntry', whole).map(({ message }) => message)).toEqual(told);
    for (const { code, field } of warningsOf('ServiceEntry', whole)) {
      expect([code, field]).toEqual(['WEFT0132', expect.stringMatching(/^spec\.addresses\[[01]\]$/)]);
    }
  });
});

describe('Service', () => {
  const ports = [{ port: 80 }];
  test.each<[string, object, readonly string[]]>([
    ['an address', { ports, clusterIP: '10.96.0.1' }, []],
    ['addresses of both families', { ports, clusterIP: '10.96.0.1', clusterIPs: ['10.96.0.1', 'fd00::1'] }, []],
    ['headless', { ports, clusterIP: 'None', clusterIPs: ['None'] }, []],
    ['none yet', { ports, clusterIP: '' }, []],
    ['no address', { ports, clusterIP: 'none' }, ['WEFT0002 spec.clusterIP']],
    ['another first', { ports, clusterIP: '10.96.0.1', clusterIPs: ['10.96.0.2'] }, ['WEFT0002 spec.clusterIPs[0]']],
    ['None among others', { ports, clusterIPs: ['10.96.0.1', 'None'] }, ['WEFT0002 spec.clusterIPs[1]']],
    [
      'what Kubernetes writes by itself',
      {
        ports,
        internalTrafficPolicy: 'Cluster',
        ipFamilies: ['IPv4'],
        ipFamilyPolicy: 'SingleStack',
        sessionAffinity: 'None',
      },
      [],
    ],
    ['what only Kubernetes does', { ports, sessionAffinity: 'ClientIP' }, ['WEFT0004 spec.sessionAffinity']],
    ['headless without ports', { clusterIP: 'None' }, []],
    ['neither ports nor headless', { ports: [] }, ['WEFT0002 spec.ports']],
    [
      'an alias without ports',
      { type: 'ExternalName', externalName: 'a.b' },
      ['WEFT0004 spec.type', 'WEFT0004 spec.externalName'],
    ],
    ['what says nothing', { ports: [{ port: 80, name: '', protocol: '', targetPort: 0 }] }, []],
    ['a target port that says nothing', { ports: [{ port: 80, targetPort: '' }] }, []],
    ['the longest name of a target port', { ports: [{ port: 80, targetPort: 'a23456789-12345' }] }, []],
    ...['a234567890123456', 'A', 'a_b', 'a--b', '-a', '80'].map((targetPort): [string, object, readonly string[]] => [
      `a target port ${targetPort}`,
      { ports: [{ port: 80, targetPort }] },
      ['WEFT0002 spec.ports[0].targetPort'],
    ]),
    ['three', { ports, clusterIPs: ['10.96.0.1', '10.96.0.2', '10.96.0.3'] }, ['WEFT0002 spec.clusterIPs']],
  ])('%s', (_name, spec, errors) => {
    expect(errorsOf('Service', spec, 'v1')).toEqual(errors);
  });
});

describe('WorkloadEntry', () => {
  test.each<[string, object, readonly string[]]>([
    ['an address', ip, []],
    ['a locality of many parts', { ...ip, locality: 'eu/north/rack/7' }, []],
    ['an empty locality', { ...ip, locality: '' }, []],
    ['no address', {}, ['WEFT0002 spec']],
    ['a network without an address', { network: 'n' }, ['WEFT0004 spec.network']],
    ['an account with dots', { ...ip, serviceAccount: 'a.b' }, ['WEFT0004 spec.serviceAccount']],
    ['a port name in capitals', { ...ip, ports: { A: 1 } }, []],
    ['a port name of 62 characters', { ...ip, ports: { ['a'.repeat(62)]: 1 } }, []],
    ['a port name of 63', { ...ip, ports: { ['a'.repeat(63)]: 1 } }, [`WEFT0002 spec.ports.${'a'.repeat(63)}`]],
    ['a socket', { address: 'unix:///run/a.sock' }, []],
    ['an abstract socket', { address: 'unix://@a' }, []],
    ['a socket whose path is too long', { address: `unix:///${'a'.repeat(107)}` }, ['WEFT0002 spec.address']],
    ['a relative socket', { address: 'unix://a' }, ['WEFT0002 spec.address']],
    ['a folder as socket', { address: 'unix:///run/' }, ['WEFT0002 spec.address']],
    ['a socket with ports', { address: 'unix:///run/a', ports: { http: 1 } }, ['WEFT0137 spec.ports']],
  ])('%s', (_name, spec, errors) => {
    expect(errorsOf('WorkloadEntry', spec)).toEqual(errors);
  });

  test('what its network is allowed without still needs an address', () => {
    const document = {
      apiVersion: 'networking.istio.io/v1',
      kind: 'WorkloadEntry',
      metadata: { name: 'x', annotations: { 'weft.dev/allow-unsupported': 'spec.network' } },
      spec: { network: 'n' },
    };
    const files = [{ path: 'policies/shop/a.json', text: JSON.stringify(document) }];
    const { diagnostics } = parsePolicies(files, { commit: 'x', rootNamespace: 'istio-system', folders: 'namespace' });
    expect(diagnostics.map(({ code, severity }) => `${code} ${severity}`).sort()).toEqual([
      'WEFT0002 error',
      'WEFT0004 warning',
    ]);
  });
});

describe('WorkloadGroup', () => {
  const template = {};
  const withProbe = (probe: object) => ({ template, probe });
  test.each<[string, object, readonly string[]]>([
    ['a template without an address', { template: { serviceAccount: 'a' } }, []],
    ['no template', {}, ['WEFT0002 spec']],
    ['a network', { template: { network: 'n' } }, ['WEFT0004 spec.template.network']],
    ['an account with dots', { template: { serviceAccount: 'a.b' } }, ['WEFT0004 spec.template.serviceAccount']],
    ['a probe of nothing', withProbe({}), ['WEFT0002 spec.probe']],
    ['two probes', withProbe({ tcpSocket: { port: 1 }, grpc: { port: 1 } }), ['WEFT0137 spec.probe.grpc']],
    [
      'a negative period',
      withProbe({ tcpSocket: { port: 1 }, periodSeconds: -1 }),
      ['WEFT0002 spec.probe.periodSeconds'],
    ],
    ['a probe without port', withProbe({ httpGet: {} }), ['WEFT0002 spec.probe.httpGet']],
    ['a gRPC probe without port', withProbe({ grpc: {} }), ['WEFT0002 spec.probe.grpc']],
    ['a port of 0', withProbe({ tcpSocket: { port: 0 } }), ['WEFT0002 spec.probe.tcpSocket.port']],
    ['a scheme of none', withProbe({ httpGet: { port: 1, scheme: 'FTP' } }), ['WEFT0002 spec.probe.httpGet.scheme']],
    [
      'a header with a blank',
      withProbe({ httpGet: { port: 1, httpHeaders: [{ name: 'a b', value: '' }] } }),
      ['WEFT0002 spec.probe.httpGet.httpHeaders[0].name'],
    ],
    ['an empty command', withProbe({ exec: { command: [] } }), ['WEFT0002 spec.probe.exec.command']],
  ])('%s', (_name, spec, errors) => {
    expect(errorsOf('WorkloadGroup', spec)).toEqual(errors);
  });
});
