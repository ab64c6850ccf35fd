import { describe, expect, test } from 'vitest';
import { parsePolicies } from '../../src/policy/parse-policies.ts';
import { checkReferences } from '../../src/policy/references.ts';
import { buildServices } from '../../src/registry/services.ts';
import { settings } from '../support/resolve-values.ts';

const object = (kind: string, spec: string) => {
  const version = kind === 'Service' ? 'v1' : 'networking.istio.io/v1';
  return `---\napiVersion: ${version}\nkind: ${kind}\nmetadata: { name: ${kind.toLowerCase()}, namespace: shop }\nspec: ${spec}\n`;
};
const service = object(
  'Service',
  '{ selector: { app: reviews }, ports: [{ name: http, port: 80, targetPort: web }, { name: grpc, port: 90 }] }',
);

/** WEFT0132 of one object beside the Service, of its text and of what it refers to: field and hint. */
function unused(kind: string, spec: string): readonly (readonly [string | undefined, string])[] {
  const { policies, diagnostics } = parsePolicies([{ path: 'policies/a.yaml', text: service + object(kind, spec) }], {
    commit: '4f1c2ab',
    rootNamespace: 'istio-system',
    folders: 'free',
  });
  if (!policies) throw new Error(JSON.stringify(diagnostics));
  const { services } = buildServices(policies, new Map(), settings);
  return [...diagnostics, ...checkReferences(policies.objects, services, [], settings)]
    .filter(({ code, severity }) => code === 'WEFT0132' && severity === 'warning')
    .map(({ field, hint }) => [field, hint]);
}

describe('what is said of ports and endpoints that nobody has (WEFT0132)', () => {
  test('portLevelSettings', () => {
    const settingsOf = (port: number) =>
      `{ portLevelSettings: [{ port: { number: ${port} }, tls: { mode: DISABLE } }] }`;
    expect(unused('DestinationRule', `{ host: service, trafficPolicy: ${settingsOf(80)} }`)).toEqual([]);
    expect(unused('DestinationRule', `{ host: service, trafficPolicy: ${settingsOf(99)} }`)).toEqual([
      ['spec.trafficPolicy.portLevelSettings[0].port.number', 'ports: 80, 90'],
    ]);
    const subset = `{ host: service, subsets: [{ name: v1, labels: { app: reviews }, trafficPolicy: ${settingsOf(9)} }] }`;
    expect(unused('DestinationRule', subset)).toEqual([
      ['spec.subsets[0].trafficPolicy.portLevelSettings[0].port.number', 'ports: 80, 90'],
    ]);
  });

  test('ports of a WorkloadEntry', () => {
    const entry = (ports: string, app = 'reviews') => `{ address: 10.0.0.1, labels: { app: ${app} }, ports: ${ports} }`;
    expect(unused('WorkloadEntry', entry('{ http: 33, web: 34 }'))).toEqual([]);
    expect(unused('WorkloadEntry', entry('{ htttp: 33 }'))).toEqual([['spec.ports.htttp', 'did you mean "http"?']]);
    // Whom no Service selects has a service of its own, with these ports.
    expect(unused('WorkloadEntry', entry('{ htttp: 33 }', 'alone'))).toEqual([]);
  });

  test('ports of a WorkloadGroup', () => {
    const group = (ports: string) => `{ template: { labels: { app: reviews }, ports: ${ports} } }`;
    expect(unused('WorkloadGroup', group('{ grpc: 80 }'))).toEqual([]);
    expect(unused('WorkloadGroup', group('{ htp: 80 }'))).toEqual([
      ['spec.template.ports.htp', 'did you mean "http"?'],
    ]);
  });

  test('STATIC without endpoints', () => {
    const entry = (more: string) =>
      `{ hosts: [a.test], resolution: STATIC, ports: [{ name: http, number: 80 }]${more} }`;
    expect(unused('ServiceEntry', entry(', endpoints: [{ address: 10.0.0.1 }]'))).toEqual([]);
    expect(unused('ServiceEntry', entry(', workloadSelector: { labels: { app: a } }'))).toEqual([]);
    expect(unused('ServiceEntry', entry(''))).toEqual([['spec.resolution', expect.stringContaining('add endpoints')]]);
  });

  test('a ServiceEntry without ports, and one that selects everybody', () => {
    const entry = (more: string) => `{ hosts: [a.test], resolution: STATIC, ${more} }`;
    const endpoints = 'endpoints: [{ address: 10.0.0.1 }]';
    expect(unused('ServiceEntry', entry(endpoints))).toEqual([['spec.hosts', 'add ports']]);
    const ports = 'ports: [{ name: http, number: 80 }]';
    const hint = 'add the labels of those that serve the host';
    for (const selector of ['{}', '{ labels: {} }'])
      expect(unused('ServiceEntry', entry(`${ports}, workloadSelector: ${selector}`))).toEqual([
        ['spec.workloadSelector', hint],
      ]);
  });
});
