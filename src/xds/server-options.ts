import type { ServerCredentials, ServiceDefinition, status, UntypedServiceImplementation } from '@grpc/grpc-js';
import type { Node } from '../proto/gen/envoy/config/core/v3/base_pb.ts';
import type { Clock } from './clock.ts';
import type { Timing } from './make-before-break.ts';
import type { Snapshot } from './snapshot.ts';
import type { Variant } from './subscription.ts';

/** Says no, with the words that the client logs (E4): put a code and a hint there. */
export interface Refused {
  readonly refused: { readonly code: status; readonly message: string };
}

/** What a call brings before anything of it is read. */
export interface CallCredentials {
  /** Text headers, names in lower case; the values of a repeated one are kept apart. */
  readonly headers: ReadonlyMap<string, readonly string[]>;
  /** `address:port`. */
  readonly peer: string;
  /** DER of a client certificate, where one was asked for and given. It has not been verified by the transport. */
  readonly certificate: Uint8Array | undefined;
}

/** One proxy's side of the configuration, as long as its stream lives. */
export interface Session {
  /** The newest view, or undefined while there is none (X9). */
  readonly snapshot: () => Snapshot | undefined;
  /** Calls back after each change, until the returned function is called. */
  readonly watch: (onChange: () => void) => () => void;
  readonly close: () => void;
}

/** What happened on a stream, told as it happens. Every event carries the number of its stream. */
export type StreamEvent<Principal> =
  | {
      readonly kind: 'opened';
      readonly stream: number;
      readonly principal: Principal;
      readonly node: Node;
      readonly peer: string;
      readonly variant: Variant;
    }
  | {
      readonly kind: 'sent';
      readonly stream: number;
      readonly typeUrl: string;
      readonly names: readonly string[];
      readonly removed: readonly string[];
      readonly version: string;
      readonly generation: number;
      readonly bytes: number;
      readonly nonce: string;
    }
  | {
      readonly kind: 'acked';
      readonly stream: number;
      readonly typeUrl: string;
      readonly version: string;
      readonly nonce: string;
      /** Milliseconds from sending to the ACK. */
      readonly took: number;
    }
  | {
      readonly kind: 'nacked';
      readonly stream: number;
      readonly typeUrl: string;
      readonly names: readonly string[];
      readonly version: string;
      readonly message: string;
    }
  | { readonly kind: 'refused'; readonly peer: string; readonly code: status; readonly message: string }
  | { readonly kind: 'closed'; readonly stream: number; readonly code: status; readonly message: string }
  | { readonly kind: 'failed'; readonly peer: string; readonly error: unknown };

/** Another gRPC service on the same port. Its handlers are guarded as a whole; their listeners are their own affair. */
export interface ExtraService {
  readonly definition: ServiceDefinition;
  readonly implementation: UntypedServiceImplementation;
}

export interface XdsServerOptions<Principal> {
  /** The address to listen on, `127.0.0.1` for example. */
  readonly address: string;
  /** 0: a free one. */
  readonly port: number;
  readonly credentials: ServerCredentials;
  /** Who calls? Asked before a byte of the call is read. */
  readonly authenticate: (
    call: CallCredentials,
  ) => { readonly ok: Principal } | Refused | Promise<{ readonly ok: Principal } | Refused>;
  /** May this principal be that node, and what does it see? Asked once, at the first request (X5 to X8). */
  readonly open: (stream: {
    readonly principal: Principal;
    readonly node: Node;
    readonly peer: string;
  }) => { readonly ok: Session } | Refused | Promise<{ readonly ok: Session } | Refused>;
  readonly observe?: (event: StreamEvent<Principal>) => void;
  /** `control_plane.identifier`: stable per instance, different between instances (X13). */
  readonly identifier: string;
  readonly clock?: Clock;
  readonly timing?: Partial<Timing>;
  readonly connection?: Partial<ConnectionSettings>;
  readonly extraServices?: readonly ExtraService[];
}

/** Milliseconds (section 8). */
export interface ConnectionSettings {
  readonly keepaliveTime: number;
  readonly keepaliveTimeout: number;
  readonly maxAge: number;
  readonly maxAgeGrace: number;
  /** From accept to the first gRPC call, and from the start of a stream to its first request. */
  readonly firstRequest: number;
  /** How long a write may stand in the socket before the connection is destroyed (T10). */
  readonly slowReader: number;
}

export const defaultConnection: ConnectionSettings = {
  keepaliveTime: 30_000,
  keepaliveTimeout: 10_000,
  maxAge: 30 * 60_000,
  maxAgeGrace: 10_000,
  firstRequest: 10_000,
  slowReader: 60_000,
};

export const defaultTiming: Timing = { hold: 5_000, grace: 5_000 };
