import { createServer, type Socket } from 'node:net';
import type { Clock } from './clock.ts';
import { createPenalties, type Offence } from './penalties.ts';
import { createPlaces } from './places.ts';
import type { TurnQueue } from './turn-queue.ts';

/** The TCP side of the server: accepts, hands on, and can destroy a connection by the peer address of a call. */
export interface Connections {
  /** Begins to accept; gives the port. Rejects with the error of the socket when the address cannot be had. */
  listen(address: string, port: number, accept: (socket: Socket) => void): Promise<number>;
  /** The connection stands, its handshake is over: the next one may begin. `retire` tells its client to go, and why. */
  begun(peer: string, retire?: (message: string) => void): void;
  /** A call has begun on it, which has a deadline of its own: the connection is given a moment more, so that its client hears of that. */
  called(peer: string): void;
  /**
   * What the connection asked for is waiting in line, for no longer than this: its deadline is counted from then. Once: one that is refused
   * and asks again and again would never have to prove itself.
   */
  postpone(peer: string, milliseconds: number): void;
  /** The connection has proved itself: its deadline and the cap no longer apply to it. */
  confirm(peer: string): void;
  /** Ends a connection at once and frees what stands in it: the only cure for one that does not read (6.2). */
  destroy(peer: string): void;
  isOpen(peer: string): boolean;
  /** Has a connection go, with what still has to be said on it. */
  retire(peer: string, message: string): void;
  /** Reads no more of a connection that abuses it, from this very moment, and has the next ones of its address wait (T11). */
  abused(peer: string, offence: Offence): void;
  /** Whether the connection may have many streams: one a second of each address, none in the minute after a flood from there. */
  grantMany(peer: string): boolean;
  stopAccepting(): void;
  destroyAll(): void;
}

interface Connection {
  readonly socket: Socket;
  wasCalled: boolean;
  wasPostponed: boolean;
  /** Undefined once it is confirmed. */
  cancelDeadline: (() => void) | undefined;
  /** Leaves the line of those who begin, or gives the place up. */
  leave: () => void;
  retire: (message: string) => void;
}

/** A handshake is a millisecond or two of the event loop: how many are under way at once, and how long each counts that does not go on (X22). */
const handshakes = { atOnce: 4, longest: 12 };

/** In milliseconds: see `called`. */
const hearing = 250;

/**
 * Guards the door (T9, reliability.md 6.1): a socket has `deadline` milliseconds from accept until it is confirmed, and only so many
 * of one address may be on their way there; neither Node nor grpc-js ends an idle one in time. Connections begin one after another, in
 * turns of the queue: until then nothing of them is read.
 */
export function createConnections(options: {
  readonly deadline: number;
  readonly unconfirmedPerAddress: number;
  readonly clock: Clock;
  readonly queue: Pick<TurnQueue, 'addPatient'>;
  readonly onClose?: (peer: string) => void;
}): Connections {
  const { deadline, unconfirmedPerAddress, clock, queue, onClose } = options;
  const places = createPlaces(handshakes.atOnce, handshakes.longest, clock);
  const penalties = createPenalties(clock);
  const open = new Map<string, Connection>();
  const unconfirmed = new Map<string, number>();

  function count(address: string, change: 1 | -1): void {
    const left = (unconfirmed.get(address) ?? 0) + change;
    if (left === 0) unconfirmed.delete(address);
    else unconfirmed.set(address, left);
  }

  function settle(connection: Connection, address: string): void {
    if (connection.cancelDeadline === undefined) return;
    connection.cancelDeadline();
    connection.cancelDeadline = undefined;
    count(address, -1);
  }

  /** Unless it is confirmed until then. */
  function closeAfter(connection: Connection, milliseconds: number): void {
    if (connection.cancelDeadline === undefined) return;
    connection.cancelDeadline();
    const close = (): void => {
      connection.socket.destroy();
    };
    connection.cancelDeadline = clock.after(milliseconds, () => {
      if (connection.wasCalled) connection.cancelDeadline = clock.after(hearing, close);
      else close();
    });
  }

  function admit(socket: Socket, accept: (socket: Socket) => void): void {
    socket.on('error', () => socket.destroy());
    const { remoteAddress: address, remotePort } = socket;
    // It has gone already.
    if (address === undefined || (unconfirmed.get(address) ?? 0) >= unconfirmedPerAddress) {
      socket.destroy();
      return;
    }
    const wait = penalties.wait(address);
    if (wait === undefined) {
      socket.destroy();
      return;
    }
    const peer = `${address}:${remotePort}`;
    const connection: Connection = {
      socket,
      wasCalled: false,
      wasPostponed: false,
      cancelDeadline: () => {},
      leave: () => {},
      retire: () => {
        clock.after(hearing, () => socket.destroy());
      },
    };
    closeAfter(connection, wait + deadline);
    open.set(peer, connection);
    count(address, 1);
    socket.on('close', () => {
      connection.leave();
      settle(connection, address);
      if (open.get(peer) !== connection) return;
      open.delete(peer);
      onClose?.(peer);
    });
    socket.setNoDelay(true);
    const begin = (): void => {
      if (socket.destroyed) return;
      // It was paused: what takes the socket over takes its handle, and expects that to be reading.
      socket.read(0);
      accept(socket);
    };
    // Who has just said something is about to cost the rest of its handshake; who falls silent costs nothing.
    let read = 0;
    const busy = (): boolean => {
      const before = read;
      read = socket.bytesRead;
      return read > before && !socket.destroyed;
    };
    const line = (): void => {
      connection.leave = places.take(() => queue.addPatient(begin), { busy });
    };
    if (wait === 0) line();
    else connection.leave = clock.after(wait, line);
  }

  let accept = (socket: Socket): void => {
    socket.destroy();
  };
  const server = createServer({ pauseOnConnect: true }, (socket) => admit(socket, accept));
  return {
    async listen(address, port, onSocket) {
      accept = onSocket;
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen({ host: address, port, backlog: 4096 }, () => {
          server.off('error', reject);
          // A socket that could not be accepted is no reason to end the process. Of EMFILE it is not heard here: watch-descriptors.ts.
          server.on('error', () => {});
          resolve();
        });
      });
      const bound = server.address();
      return typeof bound === 'object' && bound !== null ? bound.port : port;
    },
    begun(peer, retire) {
      const connection = open.get(peer);
      if (connection === undefined) return;
      connection.leave();
      if (retire !== undefined) connection.retire = retire;
    },
    called(peer) {
      const connection = open.get(peer);
      if (connection !== undefined) connection.wasCalled = true;
    },
    postpone(peer, milliseconds) {
      const connection = open.get(peer);
      if (connection === undefined || connection.wasPostponed) return;
      connection.wasPostponed = true;
      closeAfter(connection, milliseconds + deadline);
    },
    confirm(peer) {
      const connection = open.get(peer);
      const address = connection?.socket.remoteAddress;
      if (connection !== undefined && address !== undefined) settle(connection, address);
    },
    destroy: (peer) => open.get(peer)?.socket.destroy(),
    isOpen: (peer) => open.has(peer),
    retire: (peer, message) => open.get(peer)?.retire(message),
    abused(peer, offence) {
      // Its socket may have gone already, where Node itself has cut it.
      penalties.punish(addressOf(peer), offence);
      const socket = open.get(peer)?.socket;
      if (socket !== undefined) stopReading(socket);
    },
    grantMany: (peer) => penalties.grantMany(addressOf(peer)),
    stopAccepting: () => {
      server.close();
    },
    destroyAll: () => {
      places.stop();
      for (const { socket } of open.values()) socket.destroy();
    },
  };
}

function addressOf(peer: string): string {
  return peer.slice(0, peer.lastIndexOf(':'));
}

/**
 * One read of libuv goes on while there is something to read, up to 2 MiB, that is, 40,000 streams: a second of the event loop. Node says
 * no way to end it from within, where alone a flood is noticed, other than the handle's own.
 */
function stopReading(socket: Socket): void {
  const handle: unknown = Reflect.get(socket, '_handle');
  if (typeof handle !== 'object' || handle === null) return;
  const stop: unknown = Reflect.get(handle, 'readStop');
  if (typeof stop === 'function') stop.call(handle);
}
