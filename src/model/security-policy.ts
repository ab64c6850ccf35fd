import type { Labels } from './policy.ts';

export type MutualTlsMode = 'STRICT' | 'PERMISSIVE' | 'DISABLE';

export interface PeerAuthenticationSpec {
  readonly selector?: Labels;
  /** Absent: inherits from the next wider scope (P31, UNSET). */
  readonly mode?: MutualTlsMode;
  /** By workload port (P29); UNSET entries are left out. */
  readonly portLevelMtls: Readonly<Record<number, MutualTlsMode>>;
}

export interface AuthorizationPolicySpec {
  readonly selector?: Labels;
  readonly action: 'ALLOW' | 'DENY';
  /** Empty with ALLOW: nothing is allowed (P40). */
  readonly rules: readonly AuthorizationRule[];
}

export interface AuthorizationRule {
  readonly from: readonly AuthorizationSource[];
  readonly to: readonly AuthorizationOperation[];
  readonly when: readonly AuthorizationCondition[];
}

/** Each pair: values (OR) and their negation (AND NOT), texts of P42. An absent field is an empty list. */
export interface AuthorizationSource {
  readonly principals: readonly string[];
  readonly notPrincipals: readonly string[];
  readonly namespaces: readonly string[];
  readonly notNamespaces: readonly string[];
  readonly serviceAccounts: readonly string[];
  readonly notServiceAccounts: readonly string[];
  readonly trustDomains: readonly string[];
  readonly notTrustDomains: readonly string[];
  readonly ipBlocks: readonly string[];
  readonly notIpBlocks: readonly string[];
  readonly remoteIpBlocks: readonly string[];
  readonly notRemoteIpBlocks: readonly string[];
}

export interface AuthorizationOperation {
  readonly hosts: readonly string[];
  readonly notHosts: readonly string[];
  readonly methods: readonly string[];
  readonly notMethods: readonly string[];
  readonly paths: readonly string[];
  readonly notPaths: readonly string[];
  readonly ports: readonly number[];
  readonly notPorts: readonly number[];
}

/** Keys of section 3.4 that need no token: `request.headers[x]`, `source.ip`, `source.principal`, `connection.sni` … */
export interface AuthorizationCondition {
  readonly key: string;
  readonly values: readonly string[];
  readonly notValues: readonly string[];
}
