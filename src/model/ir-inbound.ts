import type { Authorizer } from './authorizer.ts';
import type { ConnectionPoolDecision, DestinationRef, MeshTlsParameters, TlsParameters } from './ir-destination.ts';
import type { ListenerTerms } from './ir-mesh.ts';
import type { RetryDecision, TextMatch } from './ir-route.ts';
import type { Millis, Protocol } from './policy.ts';
import type { Decided, Provenance } from './provenance.ts';
import type { MutualTlsMode, TokenRule } from './security-policy.ts';

/** What stands before one port of the application. */
export interface Inbound {
  /** The application's port. */
  readonly port: number;
  /** Where callers connect. */
  readonly listen: { readonly address: string; readonly port: number };
  /** The loopback address of the application. */
  readonly applicationAddress: string;
  /** Where the program is, where that is not this address and port. */
  readonly program?: Decided<ProgramAddress>;
  /** What made the port stand as it does, besides its own proxy. */
  readonly ingress?: Decided<Protocol>;
  readonly protocol: Protocol;
  readonly mtls: Decided<MutualTlsMode>;
  /** Of mesh TLS; absent: as where nothing is written. */
  readonly meshParameters?: Decided<MeshTlsParameters>;
  /** Of connections that began before nobody trusted this root (its fingerprint) none is kept (F10); absent: all are. */
  readonly distrustedRoot?: string;
  /** Age after which an HTTP connection is closed when it is idle between requests (E10, R17); absent: there are none. */
  readonly maxConnectionDuration?: Decided<Millis>;
  /** Bounds of the connections to the application; absent: none (R12). */
  readonly pool?: InboundPool;
  /** How many requests a connection to the application serves; absent: any number (R13). */
  readonly requestsPerConnection?: Decided<number>;
  /** The HTTP version that the application hears, whatever the callers speak; absent: theirs (R2). */
  readonly httpVersion?: Decided<'http1'>;
  /** Of requests that the application cannot have begun (D2). Undefined value: none. */
  readonly retries: Decided<RetryDecision | undefined>;
  readonly authorization: Authorization;
  /** Of a port whose first bytes tell what is spoken: what holds for connections that are not HTTP (P45). */
  readonly ofBytes?: Authorization;
  /** What is made of tokens in requests (P44, P49); absent: nothing. */
  readonly tokens?: TokenDecision;
  readonly terms: ListenerTerms;
}

/** How long a connection to the application lives is its caller's matter, unless it is written. */
export type InboundPool = Omit<ConnectionPoolDecision, 'idleTimeout' | 'httpVersion'> &
  Partial<Pick<ConnectionPoolDecision, 'idleTimeout'>>;

export type ProgramAddress =
  | { readonly kind: 'address'; readonly address: string; readonly port: number }
  /** A path, or `@name` for one that is no file. */
  | { readonly kind: 'socket'; readonly path: string };

/**
 * P39: whom a rule of `custom` matches its authorizer is asked about, and refused if it says so; then refused if a deny rule matches;
 * else allowed if `allow` is undefined (no ALLOW policy) or one of its rules matches. `audit` decides nothing.
 */
export interface Authorization {
  /** Absent: nobody is asked. */
  readonly custom?: CustomAuthorization;
  /** Absent: no AUDIT policy acts. */
  readonly audit?: readonly AuthorizationRuleDecision[];
  readonly deny: readonly AuthorizationRuleDecision[];
  readonly allow: readonly AuthorizationRuleDecision[] | undefined;
  /** Where `allow` is empty: the first ALLOW policy, which has no rule for this port. */
  readonly closedBy?: Provenance;
  /** What policies in dry-run would decide; absent: there are none. */
  readonly dryRun?: Pick<Authorization, 'deny' | 'allow'>;
}

/** One provider decides for a workload (WEFT0160). */
export interface CustomAuthorization {
  readonly provider: string;
  readonly authorizer: Authorizer;
  readonly by: Provenance;
  readonly rules: readonly AuthorizationRuleDecision[];
}

/** All rules of all RequestAuthentications of the workload: a request has no token, or one of them takes it; else 401. */
export interface TokenDecision {
  readonly rules: readonly TokenRuleDecision[];
}

export interface TokenRuleDecision {
  /** `RequestAuthentication/shop/tokens[0]`. */
  readonly id: string;
  readonly by: Provenance;
  readonly rule: TokenRule;
  /** Of keys that are fetched: from whom; absent: from nobody, so that no token is taken. */
  readonly keysFrom?: KeyServer;
}

/** Whom a proxy asks for the keys of an issuer (T23). */
export type KeyServer =
  /** A service, as the proxy calls it for its own application. */
  | { readonly kind: 'service'; readonly ref: DestinationRef }
  /** A server found by DNS, which proves by TLS and the roots of the system that it is `host`. */
  | {
      readonly kind: 'outside';
      readonly host: string;
      readonly port: number;
      readonly connectTimeout: Millis;
      readonly dnsRefreshRate?: Millis;
      readonly parameters?: TlsParameters;
    };

export interface AuthorizationRuleDecision {
  /** `ns[shop]-policy[reviews-callers]-rule[0]` (P46). */
  readonly id: string;
  readonly by: Provenance;
  readonly caller: Condition;
  readonly operation: Condition;
}

/** A tree of conditions about a request. Port conditions are already decided per inbound port (P29). */
export type Condition =
  | { readonly kind: 'always' }
  | { readonly kind: 'never' }
  | { readonly kind: 'all'; readonly of: readonly Condition[] }
  | { readonly kind: 'any'; readonly of: readonly Condition[] }
  | { readonly kind: 'not'; readonly of: Condition }
  /** The caller's SPIFFE ID without `spiffe://`; a plaintext caller has none. `regex` where Istio's stars need it. */
  | { readonly kind: 'principal'; readonly match: TextMatch }
  /** The connection's own address, or the address after trusted proxies. */
  | { readonly kind: 'source-address'; readonly cidr: string }
  | { readonly kind: 'remote-address'; readonly cidr: string }
  | { readonly kind: 'destination-address'; readonly cidr: string }
  | { readonly kind: 'server-name'; readonly match: TextMatch }
  | { readonly kind: 'header'; readonly name: string; readonly match: TextMatch }
  /** Lower case here; the request's authority is compared without regard to its case (P42) and its port (T15). */
  | { readonly kind: 'host'; readonly match: TextMatch }
  | { readonly kind: 'method'; readonly match: TextMatch }
  | { readonly kind: 'path'; readonly match: TextMatch }
  /**
   * A claim of a token that was verified (P44): keys from the outside in. A text is compared, or each text of a list; numbers and other
   * values equal nothing; `present` is a text that is not empty.
   */
  | { readonly kind: 'claim'; readonly path: readonly string[]; readonly match: TextMatch };
