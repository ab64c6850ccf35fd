import type { Labels, Millis } from './policy.ts';

export type MutualTlsMode = 'STRICT' | 'PERMISSIVE' | 'DISABLE';

export interface PeerAuthenticationSpec {
  readonly selector?: Labels;
  /** Absent: inherits from the next wider scope (P31, UNSET). */
  readonly mode?: MutualTlsMode;
  /** By workload port (P29); UNSET entries are left out. */
  readonly portLevelMtls: Readonly<Record<number, MutualTlsMode>>;
}

export type AuthorizationAction = 'ALLOW' | 'DENY' | 'AUDIT' | 'CUSTOM';

export interface AuthorizationPolicySpec {
  readonly selector?: Labels;
  readonly action: AuthorizationAction;
  /** Of CUSTOM, and there always: the name of an extension provider of the mesh configuration. */
  readonly provider?: string;
  /** It decides nothing, and tells what it would decide (`istio.io/dry-run`). */
  readonly dryRun?: true;
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
  /** `<issuer>/<subject>` of the request's token (P44). */
  readonly requestPrincipals: readonly string[];
  readonly notRequestPrincipals: readonly string[];
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

/** Keys of section 3.4: `request.headers[x]`, `source.ip`, `source.principal`, `connection.sni`, `request.auth.claims[a][b]` … */
export interface AuthorizationCondition {
  readonly key: string;
  readonly values: readonly string[];
  readonly notValues: readonly string[];
}

/** P44, P49: whose tokens are checked, and how; requests without a token pass. */
export interface RequestAuthenticationSpec {
  readonly selector?: Labels;
  readonly rules: readonly TokenRule[];
}

/** One `jwtRules[]`. Lists that are not written are empty. */
export interface TokenRule {
  readonly issuer: string;
  /** Empty: any. */
  readonly audiences: readonly string[];
  readonly keys: TokenKeys;
  /** Where a token is looked for; all empty: the bearer of `Authorization`, and the parameter `access_token` (D23). */
  readonly fromHeaders: readonly { readonly name: string; readonly prefix: string }[];
  readonly fromParams: readonly string[];
  readonly fromCookies: readonly string[];
  readonly forwardOriginalToken: boolean;
  readonly outputPayloadToHeader?: string;
  readonly outputClaimToHeaders: readonly { readonly header: string; readonly claim: string }[];
  readonly spaceDelimitedClaims: readonly string[];
}

export type TokenKeys =
  /** A JSON Web Key Set, as text that was checked. */
  | { readonly kind: 'inline'; readonly jwks: string }
  /** Fetched by the proxy. `timeout` of one fetch. */
  | { readonly kind: 'remote'; readonly uri: string; readonly timeout: Millis };
