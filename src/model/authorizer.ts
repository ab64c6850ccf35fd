import type { DestinationRef } from './ir-destination.ts';
import type { Millis } from './policy.ts';

/** Somebody who is asked whether a request may pass: an extension provider of MeshConfig that CUSTOM names (section 3.5). */
export interface AuthorizerSpec {
  readonly name: string;
  /** `[namespace/]host` as it is written. */
  readonly service: string;
  readonly port: number;
  /** How long an answer may take; then it counts as none. */
  readonly timeout: Millis;
  /** Without an answer: whether requests pass, else the status that they get. */
  readonly failOpen: boolean;
  readonly statusOnError: number;
  /** The route is chosen anew after an answer that changed headers. */
  readonly choosesRouteAnew: boolean;
  /** How much of the body is sent along; absent: nothing. */
  readonly body?: AuthorizerBody;
  /** Absent: it speaks gRPC, and is asked about connections, too. */
  readonly http?: HttpAuthorizer;
}

export interface AuthorizerBody {
  readonly maxBytes: number;
  /** A longer one is sent in part, else the request is refused. */
  readonly partly: boolean;
  readonly asBytes: boolean;
}

/** Names of headers in the forms of P42, in lower case. */
export interface HttpAuthorizer {
  /** Before the path of the request; empty: none. */
  readonly pathPrefix: string;
  /** Headers of the request that the authorizer sees besides `authorization`. */
  readonly seen: readonly string[];
  readonly added: Readonly<Record<string, string>>;
  /** Headers of its answer that the application sees. */
  readonly toApplication: readonly string[];
  /** Those that the caller sees; empty: where it is refused all of them, else none. */
  readonly toCallerOnDenial: readonly string[];
  readonly toCallerOnSuccess: readonly string[];
}

/** An authorizer that a workload can reach, as it calls it for its own application. */
export interface Authorizer extends Omit<AuthorizerSpec, 'service' | 'port'> {
  readonly ref: DestinationRef;
}
