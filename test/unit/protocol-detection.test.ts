import { describe, expect, test } from 'vitest';
import { createTreeCheck } from '../../src/control-plane/check-tree.ts';
import type { MeshSettings } from '../../src/model/mesh.ts';
import { parsePolicies } from '../../src/policy/parse-policies.ts';
import { buildServices } from '../../src/registry/services.ts';
import { resolveInbound } from '../../src/resolve/inbound.ts';
import { authorizationPolicy, mesh, proxy, serviceObject, settings, workload } from '../support/resolve-values.ts';

const auto: MeshSettings = { ...settings, protocolDetection: 'auto' };

const service = (id: string, ports: string) => {
  const [namespace, name] = id.split('/');
  return `---\napiVersion: v1\nkind: Service\nmetadata: { name: ${name}, namespace: ${namespace} }\nspec: { selector: { app: ${name} }, ports: ${ports} }\n`;
};
const entry = (resolution: string) =>
  `---\napiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: { name: x, namespace: shop }\nspec: { hosts: [x.test], resolution: ${resolution}, ports: [{ number: 80, name: any }] }\n`;

/** The protocols of all services by host. */
function protocols(text: string, of: MeshSettings) {
  const { policies } = parsePolicies([{ path: 'a.yaml', text }], {
    commit: '4f1c2ab',
    rootNamespace: 'istio-system',
    folders: 'free',
  });
  if (!policies) throw new Error('refused');
  const joined = workload('joined-1.shop', { service: 'joined', ports: [{ port: 7, endpointPort: 17 }] });
  const { services } = buildServices(policies, new Map([[joined.id, joined]]), of);
  return Object.fromEntries(services.map(({ name, ports }) => [name, ports.map(({ protocol }) => protocol)]));
}

const ports = '[{ port: 80 , name: any }, { port: 81, name: http-a }, { port: 82, name: b, appProtocol: tcp }]';

test('P28: of services, of entries with endpoints of their own and of what joined without a word', () => {
  const text = service('shop/reviews', ports) + entry('DNS');
  expect(protocols(text, auto)).toEqual({ reviews: ['auto', 'http', 'tcp'], 'x.test': ['auto'], joined: ['auto'] });
  expect(protocols(text, settings)).toEqual({ reviews: ['tcp', 'http', 'tcp'], 'x.test': ['tcp'], joined: ['tcp'] });
  // Bytes say nobody where they go.
  expect(protocols(entry('NONE'), auto)).toEqual({ 'x.test': ['tcp'], joined: ['auto'] });
});

test('nobody can write it', () => {
  const text = service('shop/reviews', '[{ port: 80, appProtocol: auto }]');
  const { diagnostics } = parsePolicies([{ path: 'a.yaml', text }], {
    commit: 'x',
    rootNamespace: 'istio-system',
    folders: 'free',
  });
  expect(diagnostics.map(({ code }) => code)).toEqual(['WEFT0119']);
});

test('P45: the inbound half has rules for requests, and what is left of them for bytes', () => {
  const policies = [
    serviceObject('shop/reviews', { app: 'reviews' }, [{ port: 9080, protocol: 'tcp', declared: false }]),
    authorizationPolicy('shop/readers', 'ALLOW', [
      { to: [{ methods: ['GET'] }] },
      { from: [{ namespaces: ['bank'] }] },
    ]),
  ];
  const inbound = (of: MeshSettings) => {
    const [port] = resolveInbound(
      mesh({ policies, settings: { ...of } }),
      proxy('reviews-1.shop', { labels: { app: 'reviews' } }),
    );
    return [port?.protocol, port?.authorization.allow?.length, port?.ofBytes?.allow?.length];
  };
  expect(inbound(auto)).toEqual(['auto', 2, 1]);
  expect(inbound(settings)).toEqual(['tcp', 1, undefined]);
});

describe('what is found', () => {
  const check = (text: string, of: MeshSettings) => {
    const tree = createTreeCheck({ settings: of, folders: 'free', root: 'policies', joined: () => undefined });
    const files = [{ path: 'policies/a.yaml', text }];
    const { diagnostics } = tree({ commit: 'a', files, diagnostics: [], author: 'A', subject: 'a', time: 0 });
    return diagnostics.map(({ code }) => code).filter((code) => code !== 'WEFT0205');
  };
  const rules = (spec: string) =>
    `---\napiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: { name: reviews, namespace: shop }\nspec: { hosts: [reviews], ${spec} }\n`;
  const both = rules(
    'http: [{ route: [{ destination: { host: reviews } }] }], tcp: [{ route: [{ destination: { host: reviews } }] }]',
  );

  test('rules of both layers meet the port, and nothing lacks that is not declared (WEFT0118, WEFT0136)', () => {
    const text = service('shop/reviews', '[{ port: 80 }]') + both;
    expect(check(text, auto)).toEqual([]);
    expect(check(text, settings).sort()).toEqual(['WEFT0118', 'WEFT0136']);
  });

  test('rules by server name do not', () => {
    const tls = rules('tls: [{ match: [{ sniHosts: [reviews] }], route: [{ destination: { host: reviews } }] }]');
    expect(check(service('shop/reviews', '[{ port: 80 }]') + tls, auto)).toEqual(['WEFT0136']);
  });
});
