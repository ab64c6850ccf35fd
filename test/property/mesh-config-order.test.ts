import fc from 'fast-check';
import { expect, test } from 'vitest';
import { stringify } from 'yaml';
import { meshConfigOf } from '../../src/model/mesh-config.ts';
import { parsePolicies } from '../../src/policy/parse-policies.ts';
import { buildServices } from '../../src/registry/services.ts';
import { resolveEndpoints } from '../../src/resolve/endpoints.ts';
import { resolveProxy } from '../../src/resolve/proxy.ts';
import { translateCapture } from '../../src/translate/translate-capture.ts';
import { translateInbound } from '../../src/translate/translate-inbound.ts';
import { translateView } from '../../src/translate/translate-view.ts';
import { proxy, settings, workload } from '../support/resolve-values.ts';

const fields: readonly (readonly [string, unknown])[] = [
  ['trustDomain', 'demo.mesh'],
  ['trustDomainAliases', ['old.mesh']],
  ['rootNamespace', 'mesh-root'],
  ['enableAutoMtls', false],
  ['outboundTrafficPolicy', { mode: 'REGISTRY_ONLY' }],
  ['connectTimeout', '3s'],
  ['tcpKeepalive', { probes: 3, time: '60s' }],
  ['defaultHttpRetryPolicy', { attempts: 1, retryOn: '503' }],
  ['defaultServiceExportTo', ['.']],
  ['defaultVirtualServiceExportTo', ['shop']],
  ['pathNormalization', { normalization: 'MERGE_SLASHES' }],
  ['accessLogFile', '/dev/stdout'],
  ['accessLogEncoding', 'JSON'],
  ['accessLogFormat', '{"b":"%PROTOCOL%","a":"%RESPONSE_CODE%"}'],
  ['dnsRefreshRate', '5s'],
];

const documents = `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: api }
spec: { hosts: [api.example], ports: [{ name: http, number: 80, protocol: HTTP }], resolution: DNS }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: reviews }
spec: { hosts: [reviews], http: [{ route: [{ destination: { host: reviews } }] }] }
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: { name: default }
spec: { mtls: { mode: STRICT } }
`;

/** All bytes that one proxy is told. */
function bytesOf(meshConfig: string, reversed: boolean): readonly string[] {
  const files = [
    { path: 'policies/meshconfig.yaml', text: meshConfig },
    { path: 'policies/shop/a.yaml', text: documents },
  ];
  const { policies, diagnostics } = parsePolicies(reversed ? files.reverse() : files, {
    commit: 'c',
    rootNamespace: settings.rootNamespace,
    folders: 'namespace',
  });
  expect(diagnostics).toEqual([]);
  if (policies === undefined) throw new Error('refused');
  expect(meshConfigOf(policies)).toBeDefined();
  const own = { ...settings };
  const workloads = new Map([
    ['reviews.shop', workload('reviews.shop', { service: 'reviews', labels: { app: 'reviews' } })],
  ]);
  const { services, endpoints } = buildServices(policies, workloads, own);
  const mesh = { generation: 1, settings: own, policies, services, endpoints, workloads, localPorts: new Map() };
  const client = proxy('reviews.shop', { capture: { bind: '127.0.0.1', proxy: 15_001, ports: true } });
  const { view, inbound } = resolveProxy(mesh, client);
  const resources = [
    ...translateView(view, (destination) => resolveEndpoints(mesh, destination)),
    ...translateCapture(view, client.capture),
    ...translateInbound(inbound, client),
  ];
  return resources.map(({ typeUrl, name, version }) => `${typeUrl} ${name} ${version}`);
}

test('P51 the order of the keys of MeshConfig, and of files, never changes a byte; each field does', () => {
  const some = fc.subarray([...fields], { minLength: 1 });
  fc.assert(
    fc.property(
      some.chain((chosen) =>
        fc.tuple(fc.constant(chosen), fc.shuffledSubarray(chosen, { minLength: chosen.length }), fc.boolean()),
      ),
      ([chosen, shuffled, reversed]) => {
        const written = stringify(Object.fromEntries(chosen));
        const again = stringify(Object.fromEntries(shuffled));
        expect(bytesOf(again, reversed)).toEqual(bytesOf(written, false));
      },
    ),
    { numRuns: 60 },
  );
});

test('every field that is served has its effect on some byte', () => {
  const bare = bytesOf('trustDomain: demo.mesh\n', false);
  const without = new Set(['trustDomain', 'accessLogEncoding', 'accessLogFormat']);
  for (const [name, value] of fields.filter(([key]) => !without.has(key))) {
    // Aliases are seen where an identity is accepted, visibility by others: both have tests of their own.
    if (
      ['trustDomainAliases', 'rootNamespace', 'defaultServiceExportTo', 'defaultVirtualServiceExportTo'].includes(name)
    )
      continue;
    expect(bytesOf(stringify({ [name]: value }), false), name).not.toEqual(bare);
  }
});
