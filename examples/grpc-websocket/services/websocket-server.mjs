// As much of a WebSocket server (RFC 6455) as an echo needs, without a library.
import { createHash } from 'node:crypto';

const operation = { text: 1, binary: 2, close: 8, ping: 9, pong: 10 };

/** Completes the handshake of an upgrade, says `greeting`, and sends every message back until the client closes. */
export function accept(request, socket, greeting) {
  const key = `${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`;
  const proof = createHash('sha1').update(key).digest('base64');
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-accept: ${proof}\r\n\r\n`,
  );
  socket.write(frame(operation.text, Buffer.from(greeting)));
  let held = Buffer.alloc(0);
  socket.on('error', () => socket.destroy());
  socket.on('data', (bytes) => {
    held = Buffer.concat([held, bytes]);
    for (let next = read(held); next !== undefined; next = read(held)) {
      held = held.subarray(next.size);
      if (next.operation === operation.ping) socket.write(frame(operation.pong, next.payload));
      else socket.write(frame(next.operation, next.payload));
      if (next.operation === operation.close) socket.end();
    }
  });
}

/** The first message in `bytes`, with its size on the wire; undefined while it is not all there. Clients mask theirs. */
function read(bytes) {
  if (bytes.length < 2) return undefined;
  const short = bytes[1] & 0x7f;
  const start = short < 126 ? 2 : short === 126 ? 4 : 10;
  if (bytes.length < start + 4) return undefined;
  const length = short < 126 ? short : short === 126 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2));
  const size = start + 4 + length;
  if (bytes.length < size) return undefined;
  const mask = bytes.subarray(start, start + 4);
  const payload = Buffer.from(bytes.subarray(start + 4, size)).map((byte, index) => byte ^ mask[index % 4]);
  return { operation: bytes[0] & 0x0f, payload, size };
}

function frame(kind, payload) {
  const { length } = payload;
  const head = Buffer.alloc(length < 126 ? 2 : length < 65_536 ? 4 : 10);
  head[0] = 0x80 | kind;
  head[1] = length < 126 ? length : length < 65_536 ? 126 : 127;
  if (head[1] === 126) head.writeUInt16BE(length, 2);
  if (head[1] === 127) head.writeBigUInt64BE(BigInt(length), 2);
  return Buffer.concat([head, payload]);
}
