import { type BackwardBuffer, tagOf } from './backward-buffer.ts';

/** The bytes of a google.protobuf.Struct from plain JSON, keys in order. Throws a TypeError for what JSON has not. */
export function writeStruct(out: BackwardBuffer, value: unknown): void {
  if (typeof value !== 'object' || value === null) throw new TypeError(`a ${typeof value} is no Struct`);
  const entries = Object.entries(value).sort(([one], [other]) => (one < other ? 1 : -1));
  for (const [key, item] of entries) {
    out.delimited(1, () => {
      out.delimited(2, () => writeValue(out, item));
      out.delimited(1, () => out.text(key));
    });
  }
}

function writeValue(out: BackwardBuffer, value: unknown): void {
  if (Array.isArray(value)) out.delimited(6, () => writeItems(out, value));
  else if (typeof value === 'string') out.delimited(3, () => out.text(value));
  else if (typeof value === 'number') {
    out.double(value);
    out.varint(tagOf(2, 1));
  } else if (typeof value === 'boolean') {
    out.varint(value ? 1 : 0);
    out.varint(tagOf(4, 0));
  } else if (value === null) {
    out.varint(0);
    out.varint(tagOf(1, 0));
  } else out.delimited(5, () => writeStruct(out, value));
}

function writeItems(out: BackwardBuffer, items: readonly unknown[]): void {
  for (const item of items.toReversed()) out.delimited(1, () => writeValue(out, item));
}
