// HTTP/2 as bytes (RFC 9113), as much of it as one gRPC call per connection needs. Every call has the number 1.

export const frameType = { data: 0, headers: 1, reset: 3, settings: 4, ping: 6, goAway: 7, windowUpdate: 8 } as const;
export const acknowledged = 1;
const endHeaders = 4;
export const callNumber = 1;

export const frameHeaderBytes = 9;
export const largestFrame = 16_384;
export const initialWindow = 65_535;
export const largestWindow = 2 ** 31 - 1;
export const initialWindowSetting = 4;

export const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

/** Writes the nine bytes before a payload. */
export function writeFrameHeader(target: Buffer, length: number, type: number, flags: number, number: number): void {
  target.writeUIntBE(length, 0, 3);
  target[3] = type;
  target[4] = flags;
  target.writeUInt32BE(number, 5);
}

export function frame(type: number, flags: number, number: number, payload: Uint8Array = Buffer.alloc(0)): Buffer {
  const header = Buffer.alloc(frameHeaderBytes);
  writeFrameHeader(header, payload.length, type, flags, number);
  return Buffer.concat([header, payload]);
}

/** Settings and a window update that leave the peer as good as free to send; flow control is not what is measured. */
export const generousSettings = Buffer.concat([
  frame(frameType.settings, 0, 0, settings([2, 0], [3, 100], [initialWindowSetting, largestWindow])),
  frame(frameType.windowUpdate, 0, 0, uint32(largestWindow - initialWindow)),
]);

export const settingsAcknowledgement = frame(frameType.settings, acknowledged, 0);

export function windowUpdate(number: number, bytes: number): Buffer {
  return frame(frameType.windowUpdate, 0, number, uint32(bytes));
}

/** HEADERS that open the call. HPACK: indexed fields of the static table, and literals that are not indexed. */
export function requestHeaders(path: string, secure: boolean): Buffer {
  const [methodPost, schemeHttp, schemeHttps] = [0x83, 0x86, 0x87];
  const [authorityName, pathName, contentTypeName] = [[0x01], [0x04], [0x0f, 0x10]];
  const block = Buffer.concat([
    Buffer.of(methodPost, secure ? schemeHttps : schemeHttp),
    literal(pathName, path),
    literal(authorityName, '127.0.0.1'),
    literal(contentTypeName, 'application/grpc'),
    literal([0x00, 2, ...Buffer.from('te')], 'trailers'),
  ]);
  return frame(frameType.headers, endHeaders, callNumber, block);
}

/** HEADERS of an answer that begins: status 200 and the content type. */
export const responseHeaders = frame(
  frameType.headers,
  endHeaders,
  callNumber,
  Buffer.concat([Buffer.of(0x88), literal([0x0f, 0x10], 'application/grpc')]),
);

/** A gRPC message as DATA frames, ready to be written. */
export function dataFrames(message: Uint8Array): Buffer {
  const prefixed = grpcPrefixed(message);
  const frames: Buffer[] = [];
  for (let at = 0; at < prefixed.length; at += largestFrame)
    frames.push(frame(frameType.data, 0, callNumber, prefixed.subarray(at, at + largestFrame)));
  return Buffer.concat(frames);
}

/** Five bytes before a message: not compressed, and its length. */
export function grpcPrefixed(message: Uint8Array): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

function literal(name: readonly number[], value: string): Buffer {
  const bytes = Buffer.from(value);
  if (bytes.length > 126) throw new RangeError(`too long for a length of one byte: ${value}`);
  return Buffer.concat([Buffer.from(name), Buffer.of(bytes.length), bytes]);
}

function settings(...pairs: readonly (readonly [number, number])[]): Buffer {
  const payload = Buffer.alloc(6 * pairs.length);
  for (const [index, [name, value]] of pairs.entries()) {
    payload.writeUInt16BE(name, 6 * index);
    payload.writeUInt32BE(value, 6 * index + 2);
  }
  return payload;
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
