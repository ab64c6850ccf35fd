import { callNumber, frame, frameType, largestFrame, largestWindow } from '../../bench/support/http2-frames.ts';
import { clusterType, endpointType } from '../../src/xds/resource-types.ts';
import { pause } from './hostile-promise.ts';
import { churned } from './hostile-protocol.ts';
import { connectRaw, data, headerBlock, openCall, opening, settingsFrame, subscribe } from './hostile-raw.ts';

/** One abuse of HTTP/2 (T11): what a connection sends first, and then again and again as fast as it is taken. */
export interface Flood {
  readonly first?: () => Buffer;
  /** Frames after the first ones; `turn` counts from 0 on each connection. Undefined: it sends nothing more and waits. */
  readonly batch: (turn: number) => Buffer | undefined;
  /** It does nothing for which it would be cut. */
  readonly isQuiet?: boolean;
  /** It does not aggregate, and waits for its first answer: by then it may have as many streams as such a client needs (X20). */
  readonly hasMany?: boolean;
}

export interface FloodReport {
  readonly connections: number;
  /** How many of them the server closed. */
  readonly cut: number;
  readonly bytes: number;
}

const perBatch = 500;
const continuation = 9;
const priority = 2;
const endHeaders = 4;
const [headerTableSize, initialWindowSize] = [1, 4] as const;

/** So many frames, made from the number of each. */
function many(count: number, make: (index: number) => Buffer): Buffer {
  return Buffer.concat(Array.from({ length: count }, (_, index) => make(index)));
}

/** The numbers of streams that follow those of earlier turns; 1 is the call that was admitted. */
function streamNumber(turn: number, index: number): number {
  return 3 + 2 * (turn * perBatch + index);
}

function windowUpdate(number: number, bytes: number): Buffer {
  const payload = Buffer.alloc(4);
  payload.writeUInt32BE(bytes);
  return frame(frameType.windowUpdate, 0, number, payload);
}

function reset(number: number): Buffer {
  return frame(frameType.reset, 0, number, Buffer.of(0, 0, 0, 8));
}

const same = (bytes: Buffer): Flood => ({ batch: () => bytes });
const zeros = Buffer.alloc(8);
/** A literal field that is put in the table, 3 KB long, and then named by one byte each, 12,000 times. */
const headerBomb = Buffer.concat([
  headerBlock,
  Buffer.of(0x40, 1, 0x61, 0x7f, 0xb9, 0x16),
  Buffer.alloc(3_000, 0x61),
  Buffer.alloc(12_000, 0xbe),
]);

/** The same in a few bytes, once the field is in the table: a header list that is too long by one field. */
const fields = Buffer.of(0x82, 0x86, 0x84, 0x41, 1, 0x61);
const longList = Buffer.concat([fields, Buffer.of(0x40, 1, 0x61, 0x7f, 0xb9, 0x16), Buffer.alloc(3_000, 0x61)]);
const longListAgain = Buffer.concat([fields, Buffer.alloc(13, 0xbe)]);

/** Every abuse by its name. Each begins as an admitted proxy does: the limits of unknown connections are proved with T9. */
export const floods: Readonly<Record<string, Flood>> = {
  'rapid reset': {
    batch: (turn) =>
      many(perBatch, (index) => {
        const number = streamNumber(turn, index);
        return Buffer.concat([openCall(number), reset(number)]);
      }),
  },
  'reset by the server': {
    // A window update of nothing is an error of its stream, so that the server is the one who resets.
    batch: (turn) =>
      many(perBatch, (index) => {
        const number = streamNumber(turn, index);
        return Buffer.concat([openCall(number), windowUpdate(number, 0)]);
      }),
  },
  'streams without end': { batch: (turn) => many(perBatch, (index) => openCall(streamNumber(turn, index))) },
  'streams without end of one that may have a thousand': {
    batch: (turn) => many(perBatch, (index) => openCall(streamNumber(turn, index), true)),
    hasMany: true,
  },
  'rapid reset by one that may have a thousand': {
    batch: (turn) =>
      many(perBatch, (index) => {
        const number = streamNumber(turn, index);
        return Buffer.concat([openCall(number, true), reset(number)]);
      }),
    hasMany: true,
  },
  CONTINUATION: {
    first: () => frame(frameType.headers, 0, 3, headerBlock),
    batch: () => many(20, () => frame(continuation, 0, 3, Buffer.concat([Buffer.of(0, 1, 0x61, 1, 0x62)]))),
  },
  'header table': {
    first: () => settingsFrame([headerTableSize, 4_096]),
    batch: (turn) => many(4, (index) => frame(frameType.headers, endHeaders, streamNumber(turn, index), headerBomb)),
  },
  'refused headers': {
    batch: (turn) =>
      many(perBatch, (index) => {
        const number = streamNumber(turn, index);
        return frame(frameType.headers, endHeaders, number, turn + index === 0 ? longList : longListAgain);
      }),
  },
  ping: same(many(perBatch, () => frame(frameType.ping, 0, 0, zeros))),
  SETTINGS: same(many(perBatch, () => settingsFrame([headerTableSize, 4_096]))),
  'empty DATA': same(many(perBatch, () => data(Buffer.alloc(0)))),
  PRIORITY: {
    batch: (turn) =>
      many(perBatch, (index) => frame(priority, 0, streamNumber(turn, index), Buffer.of(0, 0, 0, 0, turn & 255))),
  },
  'unknown frames': same(many(8, () => frame(0xfa, 0, 0, Buffer.alloc(largestFrame)))),
  'window updates': same(many(perBatch, (index) => windowUpdate(index % 2 === 0 ? 0 : callNumber, 1))),
  'window overflow': {
    batch: (turn) => windowUpdate(turn % 2 === 0 ? 0 : callNumber, largestWindow),
  },
  'zero window': {
    first: () => {
      const ask = (index: number) => subscribe(endpointType, [churned], `zero-window-${index}`);
      return Buffer.concat([
        settingsFrame([initialWindowSize, 0]),
        many(100, (index) =>
          Buffer.concat([openCall(streamNumber(0, index)), data(ask(index), streamNumber(0, index))]),
        ),
      ]);
    },
    batch: () => undefined,
    isQuiet: true,
  },
};

/**
 * Sends a flood over some connections at once, which come again as soon as they are closed, for so many milliseconds. `from`: the address
 * of each, by its number.
 */
export async function attack(
  port: number,
  flood: Flood,
  milliseconds: number,
  width: number,
  from: (connection: number) => string,
): Promise<FloodReport> {
  const end = performance.now() + milliseconds;
  let [connections, cut, bytes] = [0, 0, 0];
  // On a busy machine it takes a while until the first is cut.
  const isOver = () =>
    performance.now() >= end && (cut > 0 || flood.isQuiet === true || performance.now() >= end + 10_000);
  const attacker = async (): Promise<void> => {
    while (!isOver()) {
      const connection = connectRaw(port, { from: from(connections) });
      connections += 1;
      if (!(await connection.connected)) continue;
      const hasMany = flood.hasMany === true;
      const hello = data(subscribe(hasMany ? clusterType : endpointType, [], 'attacker'));
      const first = flood.first?.() ?? Buffer.alloc(0);
      const answered = new Promise<void>((resolve) => {
        connection.socket.on('data', (bytes) => bytes.includes(clusterType) && resolve());
      });
      await connection.write(Buffer.concat([opening(), openCall(callNumber, hasMany), hello, first]));
      if (hasMany) await Promise.race([answered, connection.closed]);
      for (let turn = 0; connection.isOpen() && !isOver(); turn += 1) {
        const batch = flood.batch(turn);
        if (batch === undefined) await pause(20);
        else {
          bytes += batch.length;
          let gone = false;
          const written = connection.write(batch).then(() => {
            gone = true;
          });
          while (!gone && !isOver()) await Promise.race([written, pause(50)]);
        }
        // The other attackers of this process, and what they are told, have their turn.
        await new Promise((done) => setImmediate(done));
      }
      if (!connection.isOpen()) cut += 1;
      connection.destroy();
      await pause(2);
    }
  };
  await Promise.all(Array.from({ length: width }, attacker));
  return { connections, cut, bytes };
}

/** An address of its own for every number. */
export function anywhere(number: number): string {
  return `127.${1 + (number >> 14)}.${(number >> 7) & 127}.${1 + (number & 127)}`;
}
