/** Callers without a mesh identity. */
export const outside = '(outside)';
/** A destination that no route chose, as for a request to an unknown host. */
export const nowhere = '(unknown)';
/** Who answered where the caller's own sidecar did: a redirect, a directResponse, a call to itself. */
export const ownSidecar = '(sidecar)';
/** Every caller of a service together, where nobody counts them one by one. */
export const anyone = '(any)';

/** One line of `weft edges` and of the demo's table: who called whom, over a window of time. */
export interface EdgeRow extends HeldOut {
  /** The service of the caller, `frontend`, `(outside)`, or `(any)` of what policies in dry-run say. */
  readonly from: string;
  readonly fromNamespace?: string;
  /** The service that was called, `reviews`; the host for a ServiceEntry; `(unknown)`; or `(sidecar)`, the caller's own. */
  readonly to: string;
  readonly toNamespace?: string;
  /** `http` includes gRPC; with `tcp` connections are counted instead of requests, when they end. */
  readonly protocol: 'http' | 'tcp';
  readonly requests: number;
  readonly rps: number;
  /** 0 to 1: responses below 500, gRPC statuses that are no server's fault, connections without a flag of failure that nobody refused. */
  readonly success: number;
  /** Connections that the callee's sidecar turned away, as it alone can tell: callers see their end; absent: none. */
  readonly refused?: number;
  /** Milliseconds; absent for TCP. */
  readonly p50?: number;
  readonly p95?: number;
  readonly p99?: number;
  /** True: every call that got through was under mesh TLS; absent: none got through, or the caller is outside. */
  readonly mtls?: boolean;
  /** Calls that got through under TLS that the caller's sidecar begins in place of the program (P48): `mtls` says nothing of them. */
  readonly tls?: 'sidecar';
  /**
   * Absent: calls of programs. `own`: requests of the caller's sidecar, as mirrors, for keys of tokens, or to an authorizer. `cut`: connections
   * that were closed as they speak none of what the port takes, so plaintext under STRICT. `dry-run`: requests that policies in dry-run judged.
   */
  readonly beside?: 'own' | 'cut' | 'dry-run';
  /** Of `own`: what of it, as far as policies tell. */
  readonly uses?: readonly OwnUse[];
  /** Of `dry-run`: how many of the requests the policies of this action would have refused. */
  readonly dryRun?: { readonly action: 'DENY' | 'ALLOW'; readonly refused: number };
  /** Calls that reached an endpoint, by its `version`; empty if no endpoint has one. Sorted by version. */
  readonly split: readonly VersionShare[];
  /** Response flags other than `-`, the most frequent first, at most 5. */
  readonly flags: readonly Tally[];
  /** Response codes, the most frequent first, at most 5. */
  readonly codes: readonly Tally[];
  /** Whose sidecar counted. */
  readonly reporter: 'source' | 'destination';
  /** Connections that found no agreement on TLS, by reason (`TlsTrouble`), the most frequent first; absent: none. */
  readonly tlsFailures?: readonly Tally[];
}

/** What a sidecar makes requests of its own for. */
export const ownUses = ['mirrors', 'keys', 'authorizer'] as const;

export type OwnUse = (typeof ownUses)[number];

/** Why a sidecar calls endpoints no more for a while: `ejected`: calls there failed too often; `unhealthy`: its own health checks fail there. */
export const outReasons = ['ejected', 'unhealthy'] as const;

export type OutReason = (typeof outReasons)[number];

export interface EndpointsOut {
  readonly endpoints: number;
  /** How many there are in all; absent: not known yet. */
  readonly of?: number;
}

/** What is held out at present, at the proxy that holds out most where there are several; absent: nothing. */
export type HeldOut<Out = EndpointsOut> = { readonly [Why in OutReason]?: Out };

/** What there is for each reason. */
export function heldOutBy<Out>(find: (why: OutReason) => Out | undefined): HeldOut<Out> {
  const [ejected, unhealthy] = outReasons.map(find);
  return { ...(ejected === undefined ? {} : { ejected }), ...(unhealthy === undefined ? {} : { unhealthy }) };
}

/**
 * Why a caller's sidecar did not believe a server: `names`: its certificate has none of the expected names; `issuer`: nobody whom the caller
 * believes vouches for it, or it has expired; `handshake`: there was no such agreement at all.
 */
export const tlsTroubles = ['names', 'issuer', 'handshake'] as const;

export type TlsTrouble = (typeof tlsTroubles)[number];

export interface VersionShare {
  readonly version: string;
  readonly requests: number;
  /** 0 to 1. */
  readonly share: number;
}

export interface Tally {
  readonly name: string;
  readonly count: number;
}
