import { readFields } from './fields.ts';

/*
 * Proxies with the same clusters name the same endpoints, and those that name them in the same order do so in the same bytes. A long list
 * that came before is not read again, and everything that is computed from it can be found by it (house.md section 3: the input is the
 * cache key).
 */

/** The field of both kinds of request that carries names. */
const namesField = 3;

/** Shorter lists are read faster than they are found. */
const shortest = 512;
/** Longer ones are rare, and would be held for nothing. */
const longest = 512 * 1024;
/** How many lists are kept: as many kinds of proxies as are likely to come at the same time. */
const most = 16;
/** Bytes of all that are kept: what is computed from a list is many times as large, and stays as long as the list (T8). */
const mostBytes = 1024 * 1024;

interface KnownList {
  readonly bytes: Buffer;
  readonly names: readonly string[];
}

/** The last one that was asked for stands first. */
const known: KnownList[] = [];
let keptBytes = 0;

/** The names in these fields of a request, whose positions were checked. Equal bytes give the same list, while it is remembered. */
export function namesIn(buffer: Buffer, from: number, to: number): readonly string[] {
  const length = to - from;
  if (length < shortest || length > longest) return readNames(buffer, from, to);
  const index = known.findIndex(
    ({ bytes }) => bytes.length === length && buffer.compare(bytes, 0, length, from, to) === 0,
  );
  const [present] = index < 0 ? [] : known.splice(index, 1);
  const found = present ?? { bytes: Buffer.from(buffer.subarray(from, to)), names: readNames(buffer, from, to) };
  known.unshift(found);
  if (present === undefined) keptBytes += length;
  while (known.length > most || keptBytes > mostBytes) keptBytes -= known.pop()?.bytes.length ?? 0;
  return found.names;
}

function readNames(buffer: Buffer, from: number, to: number): readonly string[] {
  const names: string[] = [];
  readFields(buffer, from, to, (field, start, end) => {
    if (field === namesField) names.push(buffer.toString('utf8', start, end));
  });
  return names;
}
