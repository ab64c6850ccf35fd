import { chars, notPlain, readPlainWord } from './plain-word.ts';
import type { MapEntry, SourceDocument, SourceNode } from './source-node.ts';

/** A document of plain YAML, and how many nodes it has. */
export interface PlainDocument {
  readonly document: SourceDocument;
  readonly nodes: number;
}

export interface PlainLimits {
  readonly nodes: number;
  readonly depth: number;
}

/** Beyond this length a text is read in steps. */
const longest = 16 * 1024;

/** A key that is longer, and a map with more of them, are for others to judge: here each is compared with all before it. */
const [longestKey, mostKeys] = [256, 64];

/** Control characters, tabs, line breaks besides "\n", marks of byte order and halves of characters. */
const strange = /[^\n\x20-\x7e\u00a1-\u1fff\u2030-\ud7ff]/;

/**
 * One document as nearly all of them are written: maps and lists in blocks or between brackets in one line, values in one line, comments.
 * Undefined for everything else, mistakes and limits that are passed included: readYaml's parser knows all of YAML and finds the words.
 * What is read here, it would read to the same nodes at the same places (a property test holds that), an order of magnitude slower.
 */
export function readPlainYaml(text: string, limits: PlainLimits): PlainDocument | undefined {
  if (text.length > longest || strange.test(text)) return undefined;
  try {
    return new PlainReader(text, limits).document();
  } catch (error) {
    if (error === notPlain) return undefined;
    throw error;
  }
}

const { newline, space, hash, comma, dash, colon, openList, closeList, openMap, closeMap } = chars;

class PlainReader {
  readonly #text: string;
  readonly #limits: PlainLimits;
  #nodes = 0;
  /** Where reading stands: at the first character of a line's content, once a block is read. */
  #at = 0;
  /** Of the line at `#at`; -1 at the end of the text. */
  #indent = -1;
  /** Where the node before ends together with the rest of its line. */
  #lineEnd = 0;

  constructor(text: string, limits: PlainLimits) {
    this.#text = text;
    this.#limits = limits;
  }

  document(): PlainDocument {
    this.#nextLine();
    if (this.#indent === 0 && this.#text.startsWith('---', this.#at)) {
      this.#at += 3;
      this.#endOfLine();
    }
    if (this.#indent === -1 || this.#isItem()) throw notPlain;
    const root = this.#map(this.#indent, 0);
    if (this.#indent !== -1) throw notPlain;
    return { document: { root, start: 0, end: this.#text.length }, nodes: this.#nodes };
  }

  /** From the start of a line to the content of the next one that has some. */
  #nextLine(): void {
    const text = this.#text;
    for (let start = this.#at; start < text.length; ) {
      let at = start;
      while (text.charCodeAt(at) === space) at += 1;
      const char = text.charCodeAt(at);
      if (char !== newline && char !== hash && at < text.length) {
        this.#at = at;
        this.#indent = at - start;
        return;
      }
      const end = text.indexOf('\n', at);
      start = end === -1 ? text.length : end + 1;
    }
    this.#at = text.length;
    this.#indent = -1;
  }

  /** Nothing but a comment may stand in the rest of a line. Goes on to the next content. */
  #endOfLine(): void {
    const text = this.#text;
    let at = this.#at;
    while (text.charCodeAt(at) === space) at += 1;
    const char = text.charCodeAt(at);
    if (at < text.length && char !== newline && (char !== hash || at === this.#at)) throw notPlain;
    const end = char === newline ? at : text.indexOf('\n', at);
    this.#at = end === -1 || at >= text.length ? text.length : end + 1;
    this.#lineEnd = this.#at;
    this.#nextLine();
  }

  #isItem(): boolean {
    return this.#text.charCodeAt(this.#at) === dash && this.#isBlank(this.#at + 1);
  }

  #isBlank(at: number): boolean {
    const char = this.#text.charCodeAt(at);
    return char === space || char === newline || at >= this.#text.length;
  }

  #count(depth: number): void {
    this.#nodes += 1;
    if (this.#nodes > this.#limits.nodes || depth > this.#limits.depth) throw notPlain;
  }

  /** A map in block form, whose keys stand in this column. */
  #map(indent: number, depth: number): SourceNode {
    this.#count(depth);
    const start = this.#at;
    const entries: MapEntry[] = [];
    do {
      const { key, start, end } = this.#key(entries, false);
      entries.push({ key, start, end, value: this.#valueOf(indent, depth + 1) });
    } while (this.#indent === indent && !this.#isItem());
    if (this.#indent > indent) throw notPlain;
    return { is: 'map', entries, start, end: this.#lineEnd };
  }

  /** A key and the ":" behind it. */
  #key(before: readonly MapEntry[], inFlow: boolean): Omit<MapEntry, 'value'> {
    const start = this.#at;
    const { key, end, next } = readPlainWord(this.#text, start, inFlow);
    if (
      this.#text.charCodeAt(next) !== colon ||
      key === undefined ||
      end - start > longestKey ||
      before.length >= mostKeys
    )
      throw notPlain;
    this.#at = next + 1;
    for (const other of before) if (other.key === key) throw notPlain;
    return { key, start, end };
  }

  /** What stands behind the ":" of a key in this column, in its line or below it. */
  #valueOf(indent: number, depth: number): SourceNode {
    if (!this.#isBlank(this.#at)) throw notPlain;
    this.#spaces();
    const char = this.#text.charCodeAt(this.#at);
    if (char !== newline && char !== hash && this.#at < this.#text.length) return this.#inLine(depth);
    if (char === hash) this.#at -= 1;
    this.#endOfLine();
    if (this.#isItem() && this.#indent >= indent) return this.#list(this.#indent, depth);
    // A key without a value is left to others.
    if (this.#indent <= indent) throw notPlain;
    return this.#map(this.#indent, depth);
  }

  #list(indent: number, depth: number): SourceNode {
    this.#count(depth);
    const start = this.#at;
    const items: SourceNode[] = [];
    do {
      const dashAt = this.#at;
      this.#at += 1;
      while (this.#text.charCodeAt(this.#at) === space) this.#at += 1;
      const column = indent + this.#at - dashAt;
      items.push(this.#startsMap() ? this.#map(column, depth + 1) : this.#inLine(depth + 1));
    } while (this.#indent === indent && this.#isItem());
    if (this.#indent > indent) throw notPlain;
    return { is: 'list', items, start, end: this.#lineEnd };
  }

  /** Whether a map in block form begins here, and no value. */
  #startsMap(): boolean {
    const char = this.#text.charCodeAt(this.#at);
    if (char === openMap || char === openList) return false;
    return this.#text.charCodeAt(readPlainWord(this.#text, this.#at, false).next) === colon;
  }

  /** A value that ends with its line. */
  #inLine(depth: number): SourceNode {
    const node = this.#value(depth, false);
    this.#endOfLine();
    return node;
  }

  #value(depth: number, inFlow: boolean): SourceNode {
    const char = this.#text.charCodeAt(this.#at);
    if (char === openMap) return this.#flowMap(depth);
    if (char === openList) return this.#flowList(depth);
    this.#count(depth);
    const start = this.#at;
    const { source, value, end, next } = readPlainWord(this.#text, start, inFlow);
    // At a ":" nobody goes on: neither the end of a line nor the next between brackets.
    this.#at = next;
    return { is: 'scalar', value, source, start, end };
  }

  #flowMap(depth: number): SourceNode {
    this.#count(depth);
    const start = this.#at;
    const entries: MapEntry[] = [];
    for (let more = this.#open(closeMap); more; more = this.#next(closeMap)) {
      const { key, start, end } = this.#key(entries, true);
      if (this.#text.charCodeAt(this.#at) !== space) throw notPlain;
      this.#spaces();
      entries.push({ key, start, end, value: this.#value(depth + 1, true) });
    }
    return { is: 'map', entries, start, end: this.#at };
  }

  #flowList(depth: number): SourceNode {
    this.#count(depth);
    const start = this.#at;
    const items: SourceNode[] = [];
    for (let more = this.#open(closeList); more; more = this.#next(closeList)) items.push(this.#value(depth + 1, true));
    return { is: 'list', items, start, end: this.#at };
  }

  /** Steps over an opening bracket; false if the closing one is all that follows. */
  #open(close: number): boolean {
    this.#at += 1;
    this.#spaces();
    if (this.#text.charCodeAt(this.#at) !== close) return true;
    this.#at += 1;
    return false;
  }

  /** Steps over what stands behind a value between brackets; false at the closing one. */
  #next(close: number): boolean {
    this.#spaces();
    const char = this.#text.charCodeAt(this.#at);
    this.#at += 1;
    if (char === close) return false;
    if (char !== comma) throw notPlain;
    this.#spaces();
    return true;
  }

  #spaces(): void {
    while (this.#text.charCodeAt(this.#at) === space) this.#at += 1;
  }
}
