/** Bytes before each message of gRPC: whether it is compressed, and its length. */
export const prefixLength = 5;

/** A message, not compressed, in a frame as it goes over the wire. */
export function frameOf(message: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(prefixLength + message.length);
  frame[0] = 0;
  frame.writeUInt32BE(message.length, 1);
  frame.set(message, prefixLength);
  return frame;
}
