/** Bytes that are no protobuf message. */
export class MalformedMessage extends Error {}

/** Takes a field of bytes: its number, and where its content stands in the buffer. */
export type TakeField = (field: number, start: number, end: number) => void;

/**
 * Goes over the fields of a message and gives those of bytes, text and messages to `take`; all others are skipped, groups
 * as a whole (X85). Nothing is copied and nothing recurses, however deep a message claims to be (T7). Throws
 * MalformedMessage.
 */
export function readFields(buffer: Buffer, start: number, end: number, take: TakeField): void {
  let at = start;
  let depth = 0;
  const varint = (): number => {
    let value = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = at < end ? buffer[at] : undefined;
      if (byte === undefined) throw new MalformedMessage('a number is cut off');
      at += 1;
      // Beyond 32 bits no length and no tag is valid; a value that is skipped may be.
      if (shift < 28) value |= (byte & 0x7f) << shift;
      else if (shift === 28) value = (value | ((byte & 0x0f) << 28)) >>> 0;
      if (byte < 0x80) return value;
    }
    throw new MalformedMessage('a number is too long');
  };
  while (at < end) {
    const tag = varint();
    const field = tag >>> 3;
    if (field === 0) throw new MalformedMessage('a field has the number 0');
    switch (tag & 7) {
      case 0:
        varint();
        break;
      case 1:
        at += 8;
        break;
      case 2: {
        const length = varint();
        const stop = at + length;
        if (stop > end) throw new MalformedMessage('a field is cut off');
        if (depth === 0) take(field, at, stop);
        at = stop;
        break;
      }
      case 3:
        depth += 1;
        break;
      case 4:
        if (depth === 0) throw new MalformedMessage('a group ends that never began');
        depth -= 1;
        break;
      case 5:
        at += 4;
        break;
      default:
        throw new MalformedMessage('a field has no known form');
    }
  }
  if (at > end || depth > 0) throw new MalformedMessage('the message is cut off');
}
