import type { AuthorizerSpec } from './authorizer.ts';
import type { TrafficPolicyBlocks } from './destination-rule.ts';
import type { MeshTlsParameters, TlsParameters } from './ir-destination.ts';
import type { LocalityLbSetting } from './load-balancer.ts';
import type { MeshConfigObject, Millis, Policy, PolicySet } from './policy.ts';
import type { Retries } from './virtual-service.ts';

/** What `meshconfig.yaml` says; what it leaves out stays with the defaults of section 4. */
export interface MeshConfigSpec {
  /** Equal to that of weft.yaml: who signs is no matter of a commit. */
  readonly trustDomain?: string;
  readonly trustDomainAliases: readonly string[];
  readonly rootNamespace?: string;
  readonly enableAutoMtls?: boolean;
  readonly outboundTrafficPolicy?: 'ALLOW_ANY' | 'REGISTRY_ONLY';
  readonly connectTimeout?: Millis;
  readonly tcpKeepalive?: TcpKeepalive;
  readonly defaultHttpRetryPolicy?: Retries;
  readonly exportTo: ExportDefaults;
  readonly pathNormalization?: 'NONE' | 'BASE' | 'MERGE_SLASHES' | 'DECODE_AND_MERGE_SLASHES';
  readonly accessLog?: AccessLogSpec;
  readonly dnsRefreshRate?: Millis;
  /** Clients speak HTTP/2 to the services of the mesh. */
  readonly h2Upgrade?: true;
  /** Of the extension providers those that CUSTOM may name. */
  readonly authorizers?: readonly AuthorizerSpec[];
  readonly localityLbSetting?: LocalityLbSetting;
  /** Of mesh TLS. */
  readonly meshTls?: MeshTlsParameters;
  /** Of TLS that is no mesh TLS. */
  readonly tlsDefaults?: TlsParameters;
  /** Blocks that act where a DestinationRule has none of the kind (P24). */
  readonly defaultTrafficPolicy?: Pick<TrafficPolicyBlocks, 'connectionPool' | 'outlierDetection'>;
}

export interface TcpKeepalive {
  readonly probes?: number;
  readonly time?: Millis;
  readonly interval?: Millis;
}

/** What an object without `exportTo` is visible to (D19), by kind; `Service` holds for ServiceEntries and implied services, too. */
export interface ExportDefaults {
  readonly Service?: readonly string[];
  readonly VirtualService?: readonly string[];
  readonly DestinationRule?: readonly string[];
}

export interface AccessLogSpec {
  readonly file: string;
  /** Absent: the format of D28. */
  readonly format?: LogFormat;
  readonly encoding: 'TEXT' | 'JSON';
}

/** A line with commands of Envoy, or the values of an object. */
export type LogFormat = string | { readonly [key: string]: LogValue };
export type LogValue = string | number | boolean | null | readonly LogValue[] | { readonly [key: string]: LogValue };

const memory = new WeakMap<readonly Policy[], { readonly found: MeshConfigObject | undefined }>();

/** The MeshConfig among these objects, if there is one. Remembered on the list. */
export function meshConfigOf({ objects }: Pick<PolicySet, 'objects'>): MeshConfigObject | undefined {
  const known = memory.get(objects);
  if (known) return known.found;
  const found = objects.find((object): object is MeshConfigObject => object.kind === 'MeshConfig');
  memory.set(objects, { found });
  return found;
}

/** D16: MeshConfig's, else that of the settings. */
export function rootNamespaceOf(
  policies: Pick<PolicySet, 'objects'>,
  settings: { readonly rootNamespace: string },
): string {
  return meshConfigOf(policies)?.spec.rootNamespace ?? settings.rootNamespace;
}

/** The trust domain, then the names that it had before and its aliases (P43), each once. */
export function trustDomainsOf(
  policies: Pick<PolicySet, 'objects'>,
  {
    trustDomain,
    formerTrustDomains = [],
  }: { readonly trustDomain: string; readonly formerTrustDomains?: readonly string[] },
): readonly string[] {
  return [...new Set([trustDomain, ...formerTrustDomains, ...(meshConfigOf(policies)?.spec.trustDomainAliases ?? [])])];
}
