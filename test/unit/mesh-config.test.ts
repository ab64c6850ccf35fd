import { describe, expect, it } from 'vitest';
import type { MeshConfigSpec } from '../../src/model/mesh-config.ts';
import { meshConfigOf } from '../../src/model/mesh-config.ts';
import { parsePolicies } from '../../src/policy/parse-policies.ts';
import { parse, spec } from '../support/mesh-config-words.ts';

describe('MeshConfig, the plain body of meshconfig.yaml (section 3.5)', () => {
  it('is an object of the root namespace, whose fields have places', () => {
    const { policies } = parse('outboundTrafficPolicy:\n  mode: REGISTRY_ONLY\n');
    const [object] = policies?.objects ?? [];
    expect(policies?.objects.map(({ kind }) => kind)).toContain('MeshConfig');
    const mesh = meshConfigOf({ objects: policies?.objects ?? [] });
    expect(object).toBeDefined();
    expect(mesh).toMatchObject({ kind: 'MeshConfig', namespace: 'istio-system', name: 'mesh', commit: 'c1' });
    expect(mesh?.positions.get('outboundTrafficPolicy.mode')).toMatchObject({ line: 2, column: 9 });
  });

  it.each<[string, string, Partial<MeshConfigSpec>]>([
    [
      'outboundTrafficPolicy.mode',
      'outboundTrafficPolicy: { mode: REGISTRY_ONLY }',
      { outboundTrafficPolicy: 'REGISTRY_ONLY' },
    ],
    [
      'unknown hosts by the name that requests say, which they are anyway',
      'outboundTrafficPolicy: { mode: ALLOW_ANY_DYNAMIC_DNS }',
      { outboundTrafficPolicy: 'ALLOW_ANY' },
    ],
    [
      'tlsDefaults',
      'tlsDefaults: { cipherSuites: [AES128-SHA, AES128-SHA], ecdhCurves: [P-256] }',
      { tlsDefaults: { cipherSuites: ['AES128-SHA'], curves: ['P-256'] } },
    ],
    ['connectTimeout', 'connectTimeout: 2500ms', { connectTimeout: 2500 }],
    [
      'tcpKeepalive',
      'tcpKeepalive: { probes: 3, time: 60s, interval: 5s }',
      { tcpKeepalive: { probes: 3, time: 60_000, interval: 5_000 } },
    ],
    [
      'defaultHttpRetryPolicy',
      'defaultHttpRetryPolicy: { attempts: 1, retryOn: "503,reset" }',
      { defaultHttpRetryPolicy: { attempts: 1, retryOn: ['503', 'reset'] } },
    ],
    [
      'defaultTrafficPolicy',
      'defaultTrafficPolicy: { connectionPool: { tcp: { maxConnections: 5 } } }',
      { defaultTrafficPolicy: { connectionPool: { tcp: { maxConnections: 5 } } } },
    ],
    ['enableAutoMtls', 'enableAutoMtls: false', { enableAutoMtls: false }],
    ['dnsRefreshRate', 'dnsRefreshRate: 5s', { dnsRefreshRate: 5000 }],
    ['trustDomainAliases', 'trustDomainAliases: [old.mesh]', { trustDomainAliases: ['old.mesh'] }],
    [
      'pathNormalization',
      'pathNormalization: { normalization: MERGE_SLASHES }',
      { pathNormalization: 'MERGE_SLASHES' },
    ],
    ['pathNormalization DEFAULT', 'pathNormalization: { normalization: DEFAULT }', { pathNormalization: 'BASE' }],
    ['an access log', 'accessLogFile: /dev/stdout', { accessLog: { file: '/dev/stdout', encoding: 'TEXT' } }],
    [
      'an access log with a format',
      'accessLogFile: /l\naccessLogFormat: "%RESPONSE_CODE% %% %REQ(:PATH?X-A):9%\\n"',
      { accessLog: { file: '/l', encoding: 'TEXT', format: '%RESPONSE_CODE% %% %REQ(:PATH?X-A):9%\n' } },
    ],
    [
      'an access log as JSON',
      `accessLogFile: /l\naccessLogEncoding: JSON\naccessLogFormat: '{"code":"%RESPONSE_CODE%","n":[1,null]}'`,
      { accessLog: { file: '/l', encoding: 'JSON', format: { code: '%RESPONSE_CODE%', n: [1, null] } } },
    ],
    ['no access log', 'accessLogFile: ""', {}],
    ['the port that holds anyway', 'proxyListenPort: 15001', {}],
    ['the HTTP protocol that holds anyway', 'h2UpgradePolicy: DO_NOT_UPGRADE', {}],
    ['TLS 1.3, which holds anyway', 'meshMTLS: { minProtocolVersion: TLSV1_3 }', {}],
    ['no version in particular', 'meshMTLS: { minProtocolVersion: TLS_AUTO, cipherSuites: [], ecdhCurves: [] }', {}],
    ['TLS 1.2', 'meshMTLS: { minProtocolVersion: TLSV1_2 }', { meshTls: { minimum: '1.2' } }],
    [
      'TLS 1.2 with suites and curves, each once',
      'meshMTLS: { minProtocolVersion: TLSV1_2, cipherSuites: [ECDHE-ECDSA-AES256-GCM-SHA384], ecdhCurves: [P-256, X25519, P-256] }',
      { meshTls: { minimum: '1.2', cipherSuites: ['ECDHE-ECDSA-AES256-GCM-SHA384'], curves: ['P-256', 'X25519'] } },
    ],
    ['curves of TLS 1.3', 'meshMTLS: { ecdhCurves: [P-384] }', { meshTls: { curves: ['P-384'] } }],
  ])('%s', (_what, text, expected) => {
    expect(spec(text)).toEqual({ trustDomainAliases: [], exportTo: {}, ...expected });
  });

  it('D19: objects without exportTo have that of their kind, ServiceEntries that of Services; others their own', () => {
    const { policies } = parse(
      'defaultServiceExportTo: ["."]\ndefaultVirtualServiceExportTo: [bank]\ndefaultDestinationRuleExportTo: ["~"]\n',
    );
    const exported = policies?.objects.flatMap((object) =>
      'exportTo' in object.spec && object.kind !== 'MeshConfig'
        ? [[object.kind, object.name, object.spec.exportTo]]
        : [],
    );
    expect(exported).toEqual([
      ['DestinationRule', 'own', ['bank']],
      ['DestinationRule', 'reviews', ['~']],
      ['Service', 'reviews', ['.']],
      ['ServiceEntry', 'outside', ['.']],
      ['VirtualService', 'reviews', ['bank']],
    ]);
  });

  it('rootNamespace names its own place, and where mesh-wide objects live', () => {
    const own = parse('rootNamespace: mesh-root\n');
    expect(meshConfigOf({ objects: own.objects })?.namespace).toBe('mesh-root');
    const text = `apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: { name: default }\nspec: { selector: { matchLabels: { app: a } } }\n`;
    const inFolder = (folder: string) =>
      parsePolicies(
        [
          { path: 'policies/meshconfig.yaml', text: 'rootNamespace: mesh-root\n' },
          { path: `policies/${folder}/a.yaml`, text },
        ],
        { commit: 'c', rootNamespace: 'istio-system', folders: 'namespace' },
      ).diagnostics.map(({ code, at }) => `${code} ${at.file}`);
    expect(inFolder('istio-system')).toEqual([]);
    expect(inFolder('mesh-root')).toHaveLength(1);
  });
});
