import type { Socket } from 'node:net';
import type { status } from '@grpc/grpc-js';
import type { CallHandler } from './call.ts';
import type { Clock } from './clock.ts';
import type { Offence } from './penalties.ts';
import type { ConnectionSettings } from './server-options.ts';
import type { TlsSource } from './tls-source.ts';

/** What carries calls over accepted sockets. */
export interface Transport {
  accept(socket: Socket): void;
  /** X24: ends what is open with UNAVAILABLE, tells clients to go, and resolves when they have, or after `drain` milliseconds. */
  close(drain: number): Promise<void>;
}

/** What a transport is given. */
export interface TransportHost {
  readonly credentials: 'plaintext' | TlsSource;
  readonly settings: ConnectionSettings;
  readonly clock: Clock;
  readonly handlers: ReadonlyMap<string, CallHandler>;
  /** The connection of a peer stands: its handshake is over, and the next may begin. `retire` tells its client to go, and why. */
  readonly begun: (peer: string, retire?: (message: string) => void) => void;
  /** The connection of a peer has proved itself. */
  readonly confirm: (peer: string) => void;
  /** Does it when nothing urgent is left to do (X22). */
  readonly later: (piece: () => void) => void;
  /** Destroys the socket of a peer. */
  readonly destroy: (peer: string) => void;
  /** A peer abuses its connection, which is about to be destroyed: nothing more of it is read (T11). */
  readonly abused: (peer: string, offence: Offence) => void;
  /** Whether the connection of a peer may have many streams. */
  readonly grantMany: (peer: string) => boolean;
  /** A connection was turned away before any call came of it (transport-handshake.ts), or is cut for what its client does. */
  readonly refused: (peer: string, code: status, message: string) => void;
  /** A handler or listener threw; its call has been ended. `peer` is empty where no call is concerned. */
  readonly onFailure: (error: unknown, peer: string) => void;
}

/** How the text of `refused` begins where a connection that stood is cut. */
export const cutText = 'the connection is cut: ';
/** T10: why one is cut that takes nothing for so many milliseconds. */
export function slowText(limit: number): string {
  return `${cutText}nothing of what is sent is taken for ${limit} ms`;
}
/** Said to every call that is open when the server stops. */
export const shutDownText = 'the control plane is shutting down';
/** Said when a connection has reached its age (X17). */
export const ageText = 'the connection has reached its age: connect again';
/** Said when the certificate that was shown on a connection is none that is valid now. */
export const endedText = 'the certificate of the connection is not valid now: connect again with another one';
/**
 * A connection without a call is told to go after this part of its age: five minutes, where clients wait two at most before they open the next
 * stream (gRPC; Envoy half a minute).
 */
export const idlePartOfAge = 1 / 6;
