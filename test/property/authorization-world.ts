import fc from 'fast-check';
import { offlineMesh } from '../../src/control-plane/offline-mesh.ts';
import { offlineProxy } from '../../src/control-plane/offline-proxy.ts';
import type { MeshSettings } from '../../src/model/mesh.ts';
import { parsePolicies } from '../../src/policy/parse-policies.ts';
import { resolveInbound } from '../../src/resolve/inbound.ts';
import type { Door } from '../support/authorization-envoy.ts';

import { asking, crowd, issuers, rule, sometimes } from './authorization-rules.ts';

/*
 * Random policies about one workload. What they say and what authorization-calls.ts sends come from the same few words, so that every
 * condition is met, just missed, and met by another rule as well.
 */

export interface World {
  readonly protocol: 'http' | 'tcp';
  readonly port: 9080 | 80;
  readonly mode: 'STRICT' | 'PERMISSIVE' | 'DISABLE';
  readonly normalization: 'BASE' | 'NONE' | 'MERGE_SLASHES' | 'DECODE_AND_MERGE_SLASHES';
  /** RequestAuthentications: the audiences that they ask for, and the scope. */
  readonly tokens: readonly { readonly issuer: string; readonly audiences: readonly string[] }[];
  /** Of the CUSTOM policy; absent: nobody is asked. */
  readonly asks?: { readonly provider: 'http' | 'grpc'; readonly rules: readonly object[] } | undefined;
  readonly policies: readonly {
    readonly action: string;
    readonly dryRun: boolean;
    readonly namespace: string;
    readonly rules: readonly object[];
  }[];
}

export const world: fc.Arbitrary<World> = fc
  .record({
    protocol: fc.constantFrom('http', 'http', 'tcp'),
    port: fc.constantFrom(9080, 80),
    mode: fc.constantFrom('PERMISSIVE', 'PERMISSIVE', 'PERMISSIVE', 'STRICT', 'DISABLE'),
    isCrowded: fc.constantFrom(false, false, false, true),
    normalization: fc.constantFrom('BASE', 'NONE', 'MERGE_SLASHES', 'DECODE_AND_MERGE_SLASHES'),
    tokens: fc.array(
      fc.record({ issuer: fc.constantFrom(...issuers), audiences: fc.constantFrom([], [], ['shop', 'bank']) }),
      { maxLength: 2 },
    ),
  } as const)
  .chain((of) => {
    const policy = fc
      .record({
        action: fc.constantFrom('ALLOW', 'ALLOW', 'ALLOW', 'DENY', 'DENY', 'AUDIT'),
        dryRun: fc.constantFrom(false, false, false, true),
        namespace: fc.constantFrom('shop', 'shop', 'istio-system', 'bank'),
        rules: fc.array(rule(of.protocol === 'http', !of.isCrowded), { minLength: 1, maxLength: 3 }),
      })
      // An ALLOW policy without rules allows nothing, a DENY policy without them is refused.
      .chain((made) => fc.constantFrom(made, made, made, made.action === 'ALLOW' ? { ...made, rules: [] } : made));
    const rules = fc.array(asking(of.protocol === 'http'), { minLength: 1, maxLength: 2 });
    return fc
      .record({
        policies: fc.array(policy, { minLength: 1, maxLength: 3 }),
        many: of.isCrowded && of.protocol === 'http' ? crowd : fc.constant([]),
        asks: sometimes(4, fc.record({ provider: fc.constantFrom('http', 'grpc'), rules })),
      } as const)
      .map(({ policies, many, asks }): World => {
        const [first, ...others] = policies;
        if (first === undefined) throw new RangeError('no policy');
        return { ...of, asks, policies: [{ ...first, rules: [...first.rules, ...many] }, ...others] };
      });
  });

const settings: MeshSettings = { trustDomain: 'demo.mesh', dnsSuffix: 'cluster.local', rootNamespace: 'istio-system' };

const security = 'security.istio.io/v1';
const judgePorts = { http: 8000, grpc: 9000 } as const;
const judge = 'judge.ops.svc.cluster.local';
const extensionProviders = [
  { name: 'http', envoyExtAuthzHttp: { service: judge, port: judgePorts.http } },
  { name: 'grpc', envoyExtAuthzGrpc: { service: judge, port: judgePorts.grpc } },
];

/** The port of the workload `reviews` in the namespace `shop`, as this world has it. Throws if a policy is refused. */
export function doorOf(
  { protocol, port, mode, normalization, tokens, asks, policies: written }: World,
  jwks: string,
): Door {
  const documents = [
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'reviews', namespace: 'shop' },
      spec: { selector: { app: 'reviews' }, ports: [{ name: `${protocol}-port`, port }] },
    },
    {
      apiVersion: security,
      kind: 'PeerAuthentication',
      metadata: { name: 'mode', namespace: 'shop' },
      spec: { mtls: { mode } },
    },
    ...tokens.map(({ issuer, audiences }, position) => ({
      apiVersion: security,
      kind: 'RequestAuthentication',
      metadata: { name: `t${position}`, namespace: position === 0 ? 'shop' : 'istio-system' },
      spec: { jwtRules: [{ issuer, jwks, ...(audiences.length === 0 ? {} : { audiences }) }] },
    })),
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'judge', namespace: 'ops' },
      spec: { ports: Object.entries(judgePorts).map(([name, number]) => ({ name, port: number })) },
    },
    ...(asks === undefined
      ? []
      : [
          {
            apiVersion: security,
            kind: 'AuthorizationPolicy',
            metadata: { name: 'ask', namespace: 'shop' },
            spec: { action: 'CUSTOM', provider: { name: asks.provider }, rules: asks.rules },
          },
        ]),
    ...written.map(({ action, dryRun, namespace, rules }, position) => ({
      apiVersion: security,
      kind: 'AuthorizationPolicy',
      metadata: {
        name: `p${position}`,
        namespace,
        ...(dryRun && action !== 'AUDIT' ? { annotations: { 'istio.io/dry-run': 'true' } } : {}),
      },
      spec: { action, ...(rules.length === 0 ? {} : { rules }) },
    })),
  ];
  const meshConfig = { trustDomainAliases: ['old.mesh'], pathNormalization: { normalization }, extensionProviders };
  const files = [
    { path: 'meshconfig.yaml', text: JSON.stringify(meshConfig) },
    { path: 'world.yaml', text: documents.map((document) => JSON.stringify(document)).join('\n---\n') },
  ];
  const { policies, diagnostics } = parsePolicies(files, {
    commit: '4f1c2ab',
    rootNamespace: settings.rootNamespace,
    folders: 'free',
  });
  if (policies === undefined) {
    const errors = diagnostics.filter(({ severity }) => severity === 'error');
    throw new Error(errors.map(({ code, field, message }) => `${code} ${field} ${message}`).join('\n'));
  }
  // Each its own: what is remembered by settings is no other world's.
  const mesh = offlineMesh({ policies, settings: { ...settings }, range: { first: 21_000, last: 65_535 } });
  const proxy = offlineProxy(mesh, 'reviews', 'shop');
  const inbound = resolveInbound(mesh, proxy).find((each) => each.port === port);
  if (inbound === undefined) throw new Error('no such port');
  return { inbound, proxy };
}
