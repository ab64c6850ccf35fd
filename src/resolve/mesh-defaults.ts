import type { AuthorizerSpec } from '../model/authorizer.ts';
import type { TrafficPolicyBlocks } from '../model/destination-rule.ts';
import type { View } from '../model/ir.ts';
import type { MeshTlsParameters, TlsParameters } from '../model/ir-destination.ts';
import type { ListenerTerms, PathNormalization } from '../model/ir-mesh.ts';
import type { RetryDecision } from '../model/ir-route.ts';
import type { LocalityLbSetting } from '../model/load-balancer.ts';
import type { Mesh, MeshSettings } from '../model/mesh.ts';
import {
  type MeshConfigSpec,
  meshConfigOf,
  rootNamespaceOf,
  type TcpKeepalive,
  trustDomainsOf,
} from '../model/mesh-config.ts';
import type { MeshConfigObject, Millis, PolicySet } from '../model/policy.ts';
import { provenance } from '../model/policy-provenance.ts';
import type { Decided } from '../model/provenance.ts';
import { byDefault } from '../model/provenance.ts';
import { poolDecision } from './connection-pool.ts';
import { effectiveBlocks, noRule, type Written } from './destination-rule.ts';
import { remembered } from './keep.ts';
import { localityByDefault } from './locality.ts';
import { defaultRetries, hashedDefaultRetries, resolveRetries } from './retries.ts';

/**
 * What holds for the whole mesh where no narrower policy speaks: the settings and section 4 of policy-surface.md, as MeshConfig changes
 * them. The only reader of MeshConfig; visibility (D19) is decided where objects are read.
 */
export interface MeshDefaults extends MeshSettings {
  /** D16: the mesh's own, then its aliases (P36, P43). */
  readonly trustDomains: readonly string[];
  /** D15 */
  readonly automaticTls: Decided<boolean>;
  /** D18 */
  readonly unknownHosts: Decided<'pass' | 'refuse'>;
  /** D4 */
  readonly connectTimeout: Decided<Millis>;
  readonly tcpKeepalive?: Decided<TcpKeepalive>;
  /** What clients speak to the services of the mesh; absent: what each caller speaks (R2). */
  readonly httpVersion?: Decided<'http2'>;
  /** Of mesh TLS; absent: TLS 1.3, by the curves of Weft. */
  readonly meshParameters?: Decided<MeshTlsParameters>;
  /** Of TLS that is no mesh TLS; absent: as Envoy does. */
  readonly tlsParameters?: Decided<TlsParameters>;
  /** Blocks of traffic policies where no rule has one of the kind (P24). */
  readonly trafficPolicy?: Written<TrafficPolicyBlocks>;
  /** How hosts that the registry does not know are called. */
  readonly passing: View['passing'];
  /** D1. Undefined value: off. */
  readonly retries: Decided<RetryDecision | undefined>;
  /** The same to a destination that hashes: where a key leads, its retries go, too (P27). */
  readonly hashedRetries: Decided<RetryDecision | undefined>;
  /** D12 */
  readonly locality: Decided<LocalityLbSetting>;
  /** Absent: as long as the answers say. */
  readonly dnsRefreshRate?: Decided<Millis>;
  /** Whom CUSTOM may name. */
  readonly authorizers: readonly Decided<AuthorizerSpec>[];
  readonly terms: ListenerTerms;
}

const withConfig = new WeakMap<MeshConfigObject, WeakMap<MeshSettings, MeshDefaults>>();
const without = new WeakMap<MeshSettings, MeshDefaults>();

/** The same object as long as MeshConfig and the settings are: what is remembered on it holds for both. */
export function meshDefaults({ policies, settings }: Pick<Mesh, 'policies' | 'settings'>): MeshDefaults {
  const object = meshConfigOf(policies);
  if (object === undefined) return remembered(without, settings, () => decide(policies, settings, undefined));
  const bySettings = remembered(withConfig, object, () => new WeakMap<MeshSettings, MeshDefaults>());
  return remembered(bySettings, settings, () => decide(policies, settings, object));
}

function decide(policies: PolicySet, settings: MeshSettings, object: MeshConfigObject | undefined): MeshDefaults {
  const spec: Partial<MeshConfigSpec> = object?.spec ?? {};
  const written = <T>(value: T | undefined, field: string): Decided<T> | undefined =>
    object === undefined || value === undefined ? undefined : { value, by: provenance(object, field) };
  const tcpKeepalive = written(spec.tcpKeepalive, 'tcpKeepalive');
  const dnsRefreshRate = written(spec.dnsRefreshRate, 'dnsRefreshRate');
  const tlsParameters = written(spec.tlsDefaults, 'tlsDefaults');
  const meshParameters = written(spec.meshTls, 'meshMTLS');
  const httpVersion = written(spec.h2Upgrade && ('http2' as const), 'h2UpgradePolicy');
  const connections = {
    connectTimeout: written(spec.connectTimeout, 'connectTimeout') ?? byDefault(10_000, 'D4'),
    ...(tcpKeepalive && { tcpKeepalive }),
  };
  const retries = (absent: Decided<RetryDecision | undefined>, hashed: boolean) =>
    object === undefined
      ? absent
      : resolveRetries(object, 'defaultHttpRetryPolicy', spec.defaultHttpRetryPolicy, absent, hashed);
  const trafficPolicy =
    object && spec.defaultTrafficPolicy
      ? { value: spec.defaultTrafficPolicy, object, path: 'defaultTrafficPolicy' }
      : undefined;
  const unknownHosts = spec.outboundTrafficPolicy && unknown[spec.outboundTrafficPolicy];
  const normalization = spec.pathNormalization && normalizations[spec.pathNormalization];
  const log = spec.accessLog;
  const accessLog = log && {
    file: log.file,
    encoding: encodings[log.encoding],
    ...(log.format !== undefined && { format: log.format }),
  };
  return {
    ...settings,
    rootNamespace: rootNamespaceOf(policies, settings),
    trustDomains: trustDomainsOf(policies, settings),
    automaticTls: written(spec.enableAutoMtls, 'enableAutoMtls') ?? byDefault(true, 'D15'),
    unknownHosts: written(unknownHosts, 'outboundTrafficPolicy.mode') ?? byDefault('pass', 'D18'),
    ...connections,
    ...(httpVersion && { httpVersion }),
    ...(meshParameters && { meshParameters }),
    ...(tlsParameters && { tlsParameters }),
    ...(trafficPolicy && { trafficPolicy }),
    passing: poolDecision(
      trafficPolicy && effectiveBlocks(noRule, undefined, 0, trafficPolicy).connectionPool,
      connections,
    ),
    retries: retries(defaultRetries, false),
    hashedRetries: retries(hashedDefaultRetries, true),
    locality: written(spec.localityLbSetting, 'localityLbSetting') ?? localityByDefault,
    ...(dnsRefreshRate && { dnsRefreshRate }),
    authorizers: (spec.authorizers ?? []).flatMap(
      (authorizer, index) => written(authorizer, `extensionProviders[${index}]`) ?? [],
    ),
    terms: {
      ...(settings.protocolDetection === 'auto' && { detection: byDefault('auto' as const, 'P28') }),
      pathNormalization: written(normalization, 'pathNormalization.normalization') ?? byDefault('dots', 'D22'),
      accessLog: written(accessLog, 'accessLogFile') ?? byDefault(undefined, 'D28'),
    },
  };
}

const unknown = { ALLOW_ANY: 'pass', REGISTRY_ONLY: 'refuse' } as const;
const encodings = { TEXT: 'text', JSON: 'json' } as const;
const normalizations = {
  NONE: 'none',
  BASE: 'dots',
  MERGE_SLASHES: 'dots-and-slashes',
  DECODE_AND_MERGE_SLASHES: 'dots-and-encoded-slashes',
} as const satisfies Record<NonNullable<MeshConfigSpec['pathNormalization']>, PathNormalization>;
