const firstSize = 64 * 1024;
const keptSize = 4 * 1024 * 1024;
/** Shorter texts are copied by hand: most are names, and a call of Node costs more than their bytes. */
const shortText = 40;

/**
 * Bytes that grow towards their front. A message inside another stands behind its length: who writes from the back knows it when it is due,
 * and copies nothing.
 */
export class BackwardBuffer {
  #bytes = new Uint8Array(firstSize);
  #buffer = Buffer.from(this.#bytes.buffer);
  #view = new DataView(this.#bytes.buffer);
  #at = firstSize;

  /** How many bytes were written. */
  get size(): number {
    return this.#bytes.length - this.#at;
  }

  /** Begins anew; what a giant message needed is given back. */
  clear(): void {
    if (this.#bytes.length > keptSize) this.#use(new Uint8Array(firstSize));
    this.#at = this.#bytes.length;
  }

  /** A copy of all that was written. */
  copy(): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(this.#at);
  }

  /** An unsigned number below 2 ** 32. */
  varint(value: number): void {
    this.#need(5);
    const bytes = this.#bytes;
    if (value < 0x80) {
      this.#at -= 1;
      bytes[this.#at] = value;
      return;
    }
    let at = this.#at - (value < 0x4000 ? 2 : value < 0x20_0000 ? 3 : value < 0x1000_0000 ? 4 : 5);
    this.#at = at;
    let rest = value;
    while (rest >= 0x80) {
      bytes[at] = (rest & 0x7f) | 0x80;
      at += 1;
      rest >>>= 7;
    }
    bytes[at] = rest;
  }

  bytes(value: Uint8Array): void {
    this.#need(value.length);
    this.#at -= value.length;
    this.#bytes.set(value, this.#at);
  }

  double(value: number): void {
    this.#need(8);
    this.#at -= 8;
    this.#view.setFloat64(this.#at, value, true);
  }

  text(value: string): void {
    if (value.length <= shortText && this.#ascii(value)) return;
    const length = Buffer.byteLength(value);
    this.#need(length);
    this.#at -= length;
    this.#buffer.write(value, this.#at, 'utf8');
  }

  /** A field with its tag and length before what `write` writes. */
  delimited(number: number, write: () => void): void {
    const behind = this.size;
    write();
    this.varint(this.size - behind);
    this.varint(tagOf(number, 2));
  }

  #ascii(value: string): boolean {
    this.#need(shortText);
    let at = this.#at;
    for (let index = value.length - 1; index >= 0; index -= 1) {
      const code = value.charCodeAt(index);
      if (code >= 0x80) return false;
      at -= 1;
      this.#bytes[at] = code;
    }
    this.#at = at;
    return true;
  }

  #need(count: number): void {
    if (this.#at >= count) return;
    const { size } = this;
    const larger = new Uint8Array(2 * Math.max(this.#bytes.length, size + count));
    larger.set(this.#bytes.subarray(this.#at), larger.length - size);
    this.#use(larger);
    this.#at = larger.length - size;
  }

  #use(bytes: Uint8Array<ArrayBuffer>): void {
    this.#bytes = bytes;
    this.#buffer = Buffer.from(bytes.buffer);
    this.#view = new DataView(bytes.buffer);
  }
}

/** What stands before the value of a field. */
export function tagOf(number: number, wireType: number): number {
  return ((number << 3) | wireType) >>> 0;
}
