/** A word of plain YAML (readPlainYaml), with quotes or without. */
export interface PlainWord {
  readonly value: string | number | boolean | null;
  /** The key that it is; undefined: no key may be this. */
  readonly key: string | undefined;
  /** As written, without quotes. */
  readonly source: string;
  /** Behind it. */
  readonly end: number;
  /** The same, or the ":" that makes a key of it. */
  readonly next: number;
}

/** Thrown where a text is not plain; who reads one catches it. */
export const notPlain = new Error('not plain');

/** Codes of the characters that mean something. */
export const chars = {
  newline: 10,
  space: 32,
  quote: 34,
  hash: 35,
  apostrophe: 39,
  comma: 44,
  dash: 45,
  colon: 58,
  openList: 91,
  closeList: 93,
  openMap: 123,
  closeMap: 125,
} as const;

const { newline, space, quote, hash, apostrophe, comma, dash, colon, openList, closeList, openMap, closeMap } = chars;

/** What the core schema takes for a number and is not written as people do. */
const rareNumber =
  /^(?:[-+]?(?:\.\d+|\d+(?:\.\d*)?)(?:[eE][-+]?\d+)?|0o[0-7]+|0x[\da-fA-F]+|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$/;
const usualNumber = /^(?:0|-?[1-9]\d{0,14})$/;

/** Characters that a word without quotes may begin with here. */
const first = /[\w./$^(+~\u00a1-\ud7ff-]/;

/** The word that begins at `start`. `inFlow`: between brackets. Throws `notPlain`. */
export function readPlainWord(text: string, start: number, inFlow: boolean): PlainWord {
  const char = text.charCodeAt(start);
  if (char === quote || char === apostrophe) return quotedWord(text, start, char);
  if (!first.test(text.charAt(start)) || (char === dash && !/[\w./]/.test(text.charAt(start + 1)))) throw notPlain;
  let end = start + 1;
  let at = end;
  for (; at < text.length; at += 1) {
    const here = text.charCodeAt(at);
    if (here === newline || (here === hash && text.charCodeAt(at - 1) === space)) break;
    if (inFlow && isFlowMark(here)) break;
    if (here === colon && endsKey(text, at + 1, inFlow)) break;
    if (here !== space) end = at + 1;
  }
  const source = text.slice(start, end);
  if (source.startsWith('...')) throw notPlain;
  const value = valueOf(source);
  const next = text.charCodeAt(at) === colon ? at : end;
  return { value, key: value === null ? undefined : source, source, end, next };
}

function isFlowMark(char: number): boolean {
  return char === comma || char === openList || char === closeList || char === openMap || char === closeMap;
}

/** Whether a ":" before this offset ends a word. */
function endsKey(text: string, at: number, inFlow: boolean): boolean {
  const char = text.charCodeAt(at);
  return char === space || char === newline || at >= text.length || (inFlow && isFlowMark(char));
}

/** Without escapes, in one line. */
function quotedWord(text: string, start: number, mark: number): PlainWord {
  const close = text.indexOf(mark === quote ? '"' : "'", start + 1);
  if (close === -1) throw notPlain;
  const value = text.slice(start + 1, close);
  const isEscaped = mark === quote ? value.includes('\\') : text.charCodeAt(close + 1) === apostrophe;
  if (isEscaped || value.includes('\n')) throw notPlain;
  return { value, key: value, source: value, end: close + 1, next: close + 1 };
}

/** What the core schema makes of a word without quotes. */
function valueOf(source: string): PlainWord['value'] {
  // Letters are most of what words begin with, and no number begins with one.
  if (/^[-+.\d]/.test(source)) {
    if (usualNumber.test(source)) return Number(source);
    if (rareNumber.test(source)) throw notPlain;
    return source;
  }
  switch (source) {
    case '~':
    case 'null':
    case 'Null':
    case 'NULL':
      return null;
    case 'true':
    case 'True':
    case 'TRUE':
      return true;
    case 'false':
    case 'False':
    case 'FALSE':
      return false;
    default:
      return source;
  }
}
