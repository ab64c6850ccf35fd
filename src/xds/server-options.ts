import type { status } from '@grpc/grpc-js';
import type { Node } from '../proto/gen/envoy/config/core/v3/base_pb.ts';
import type { AdmissionSettings } from './admission.ts';
import type { CallCredentials, CallHandler } from './call.ts';
import type { Clock } from './clock.ts';
import type { Timing } from './make-before-break.ts';
import type { RequestLimits } from './request-limits.ts';
import type { Resource } from './resource.ts';
import type { Snapshot } from './snapshot.ts';
import type { QuietTimes } from './snapshot-store.ts';
import type { VirtualHosts } from './stream-state.ts';
import type { Variant } from './subscription.ts';
import type { TlsSource } from './tls-source.ts';

/** Says no, with the words that the client logs (E4): put a code and a hint there. */
export interface Refused {
  readonly refused: { readonly code: status; readonly message: string };
}

/** One proxy's side of the configuration, as long as its stream lives. */
export interface Session {
  /** The newest view, or undefined while there is none (X9). */
  readonly snapshot: () => Snapshot | undefined;
  /** Calls back after each change, until the returned function is called. */
  readonly watch: (onChange: () => void) => () => void;
  readonly close: () => void;
}

/** A stream that has introduced itself, before it is let in. */
export interface Newcomer<Principal> {
  readonly principal: Principal;
  readonly node: Node;
  readonly peer: string;
  readonly variant: Variant;
}

/** What `open` answers: a session of one's own, the snapshots of `set` and `update`, or no. */
export type OpenAnswer = { readonly ok: Session | 'snapshots' } | Refused;

/** What a stream is served, or why it is not let in. */
export type OpenSession<Principal> = (
  stream: Newcomer<Principal>,
) => { readonly ok: Session } | Refused | Promise<{ readonly ok: Session } | Refused>;

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
      readonly resources: readonly Resource[];
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
  | {
      /** Told once of a response. The client may answer all the same, later. */
      readonly kind: 'unanswered';
      readonly stream: number;
      readonly node: string;
      readonly peer: string;
      readonly typeUrl: string;
      readonly version: string;
      readonly nonce: string;
      /** Milliseconds since it was sent. */
      readonly waited: number;
    }
  | {
      readonly kind: 'refused';
      readonly peer: string;
      /** `node.id`, where the client had said it. */
      readonly node: string | undefined;
      readonly code: status;
      readonly message: string;
    }
  | { readonly kind: 'closed'; readonly stream: number; readonly code: status; readonly message: string }
  | {
      readonly kind: 'failed';
      readonly peer: string;
      /** `node.id`, where the client had said it. */
      readonly node: string | undefined;
      readonly error: unknown;
    };

/** What a server is started with. Only the address, the port and the credentials have to be said. */
export interface XdsServerOptions<Principal> {
  /** The address to listen on, `127.0.0.1` for example. */
  readonly address: string;
  /** 0: a free one. */
  readonly port: number;
  readonly credentials: 'plaintext' | TlsSource;
  /** What carries the calls: `http2`, with framing of our own, unless told otherwise (decision 17). */
  readonly transport?: 'http2' | 'grpc-js';
  /** Who calls? Asked before a byte of the call is read. Without it everybody is welcome. */
  readonly authenticate?: (
    call: CallCredentials,
  ) => { readonly ok: Principal } | Refused | Promise<{ readonly ok: Principal } | Refused>;
  /**
   * May this principal be that node, and what does it see? Asked once, at the first request (X5 to X8). `snapshots`: what `set` and
   * `update` of the server say. Without it every node is served that.
   */
  readonly open?: (stream: Newcomer<Principal>) => OpenAnswer | Promise<OpenAnswer>;
  readonly observe?: (event: StreamEvent<Principal>) => void;
  /**
   * What is wrong with a resource; undefined: nothing. Asked before content is sent, of each stream anew: let it remember. What is wrong is
   * withheld from everybody until it changes, as if a client had refused it with these words (X38).
   */
  readonly inspect?: (resource: Resource) => string | undefined;
  /**
   * Which virtual hosts VHDS brings: those that a request asks for, through Envoy's filter `on_demand` (absent), or all, which then needs no
   * filter, and changes them one by one. Of `all` each bears its resource's name, or Envoy does not take its removal, and every route
   * configuration that says `vhds` has one at least, or Envoy waits 15 s for it.
   */
  readonly virtualHosts?: VirtualHosts;
  /** `control_plane.identifier`: stable per instance, different between instances (X13). Without it one is made up. */
  readonly identifier?: string;
  readonly clock?: Clock;
  readonly timing?: Partial<ServerTiming>;
  /** For `set` and `update`; a session of one's own gathers changes itself. */
  readonly quiet?: Partial<QuietTimes>;
  readonly admission?: Partial<AdmissionSettings>;
  readonly connection?: Partial<ConnectionSettings>;
  readonly limits?: Partial<RequestLimits>;
  /** Other gRPC methods on the same port, by path `/package.Service/Method`; handlers.ts makes them. */
  readonly handlers?: ReadonlyMap<string, CallHandler>;
}

/** Times in milliseconds. */
export interface ServerTiming extends Timing {
  /** A response that was not answered for so long is told as `unanswered`. */
  readonly unanswered: number;
}

/** Times in milliseconds (section 8). */
export interface ConnectionSettings {
  readonly keepaliveTime: number;
  readonly keepaliveTimeout: number;
  /** ±10 %. A connection without a call is told to go after a sixth of it. */
  readonly maxAge: number;
  readonly maxAgeGrace: number;
  /**
   * From accept to the first message that is accepted, and from the start of a stream, or of a call of `handlers`, to its first. As long may
   * `authenticate` and `open` take to answer.
   */
  readonly firstRequest: number;
  /**
   * How long a slice of what is written to a call, 64 KiB or without TLS 512 (of grpc-js a message), may take to go before the connection is
   * destroyed (T10).
   */
  readonly slowReader: number;
  /** How many connections of one address may be open of which no call has been accepted yet; further ones are closed at once (T9). */
  readonly unauthenticatedPerAddress: number;
  /** How many connections one node may have; when there are more, those without a stream go, then the oldest (reliability.md section 3). */
  readonly perNode: number;
  /** Bytes of a message, as it comes and after inflation (X18, T7). */
  readonly receiveLimit: number;
}

/** Section 8, and the limits against those who only connect (T9, T10). */
export const defaultConnection: ConnectionSettings = {
  keepaliveTime: 30_000,
  keepaliveTimeout: 10_000,
  maxAge: 30 * 60_000,
  maxAgeGrace: 10_000,
  firstRequest: 10_000,
  slowReader: 60_000,
  unauthenticatedPerAddress: 32,
  perNode: 4,
  receiveLimit: 32 * 1024 * 1024,
};

/** Section 8. `unanswered`: twice as long as Envoy waits by itself for what a cluster lacks (`initial_fetch_timeout`, X88). */
export const defaultTiming: ServerTiming = { hold: 5_000, grace: 5_000, unanswered: 30_000 };

/** Section 8 (X99). */
export const defaultQuiet: QuietTimes = {
  quiet: 100,
  longest: 10_000,
  endpointsQuiet: 20,
  endpointsLongest: 1_000,
};

/** Measured: a thousand proxies that come back at once are let in within three seconds, and those at rest hardly notice (decision 18). */
export const defaultAdmission: AdmissionSettings = {
  perSecond: 400,
  burst: 256,
  longestWait: 30_000,
  atOnce: 16,
  longestPlace: 1_000,
};
