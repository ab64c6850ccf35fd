import type { BackwardBuffer } from './backward-buffer.ts';

/** The bytes of a google.protobuf.Struct from plain JSON, keys in order. Throws a TypeError for what JSON has not. */
export function writeStruct(out: BackwardBuffer, value: unknown): void {
  if (typeof value !== 'object' || value === null) throw new TypeError(`a ${typeof value} is no Struct`);
  const entries = Object.entries(value).sort(([one], [other]) => (one < other ? 1 : -1));
  for (const [key, item] of entries) {
    const behind = out.size;
    delimited(out, 2, () => writeValue(out, item));
    delimited(out, 1, () => out.text(key));
    out.varint(out.size - behind);
    out.varint(tag(1));
  }
}

function writeValue(out: BackwardBuffer, value: unknown): void {
  if (Array.isArray(value)) delimited(out, 6, () => writeItems(out, value));
  else if (typeof value === 'string') delimited(out, 3, () => out.text(value));
  else if (typeof value === 'number') {
    out.double(value);
    out.varint((2 << 3) | 1);
  } else if (typeof value === 'boolean') {
    out.varint(value ? 1 : 0);
    out.varint(4 << 3);
  } else if (value === null) {
    out.varint(0);
    out.varint(1 << 3);
  } else delimited(out, 5, () => writeStruct(out, value));
}

function writeItems(out: BackwardBuffer, items: readonly unknown[]): void {
  for (const item of items.toReversed()) delimited(out, 1, () => writeValue(out, item));
}

function delimited(out: BackwardBuffer, number: number, write: () => void): void {
  const behind = out.size;
  write();
  out.varint(out.size - behind);
  out.varint(tag(number));
}

const tag = (number: number): number => (number << 3) | 2;
