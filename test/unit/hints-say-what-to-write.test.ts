import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const folder = join(import.meta.dirname, '../../src/policy');

/** The arguments of a call, as text, around a place in a source. */
function callAround(source: string, place: number): string {
  let start = place;
  for (let depth = 0; start > 0; start -= 1) {
    if (source[start] === ')') depth += 1;
    else if (source[start] === '(' && depth === 0) break;
    else if (source[start] === '(') depth -= 1;
  }
  const end = source.indexOf(';', place);
  return source.slice(start, end).replaceAll(/\s+/g, ' ');
}

const calls = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .flatMap((name) => {
    const source = readFileSync(join(folder, name), 'utf8');
    return [...source.matchAll(/'WEFT0002',/g)].map(({ index }) => `${name}: ${callAround(source, index)}`);
  });

/** The last literal of a call: its hint, where that is written there. */
const hintOf = (call: string) =>
  [...call.matchAll(/'((?:[^'\\]|\\.)*)'|`((?:[^`\\]|\\.)*)`/g)].at(-1)?.[0]?.slice(1, -1);

test('every WEFT0002 that has its hint beside it says what to write, not only that something is to be corrected', () => {
  expect(calls.length).toBeGreaterThan(80);
  const poor = calls.filter((call) => {
    const hint = hintOf(call) ?? '';
    // A word to add without its value, and what the message says already.
    return /^(?:correct|fix)\b|^rename it$/.test(hint) || /^(?:add|name|write) (?:the )?\w+$/.test(hint);
  });
  expect(poor).toEqual([]);
});
