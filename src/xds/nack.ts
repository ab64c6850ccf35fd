import type { Resource } from './resource.ts';

/** X43: what is kept of an error text, in bytes of UTF-8 at most. */
export const keptErrorBytes = 4096;

/** An error text cut to 4 KiB, at a character. */
export function cutErrorText(text: string): string {
  const bytes = Buffer.from(text);
  if (bytes.length <= keptErrorBytes) return text;
  return bytes
    .subarray(0, keptErrorBytes)
    .toString()
    .replace(/\uFFFD+$/, '');
}

/** Who is to blame for a NACK, and whether the client took the rest of the response. */
export interface Blame {
  readonly culprits: ReadonlySet<string>;
  /** `applied`: the others are held by the client; `unknown`: some, none or all are. */
  readonly rest: 'applied' | 'unknown';
}

/**
 * Reads the text of a NACK as Envoy and gRPC write it (E15, A46). A lone resource is always the culprit. `members` are all resources
 * of the response, in its order: gRPC says the places of those that it refused, and takes the others.
 */
export function blame(text: string, sent: readonly Resource[], members: readonly Resource[] = sent): Blame {
  const named = blameByText(text, sent, members);
  const [first] = sent;
  if (named.culprits.size > 0 || first === undefined || sent.length > 1) return named;
  return { culprits: new Set([first.name]), rest: 'unknown' };
}

/**
 * The same by the text alone. Only names that were sent are believed; texts that name nobody, such as those of RDS, EDS and SDS, and
 * that of a field of any type which cannot be read, leave the culprits empty.
 */
export function blameByText(text: string, sent: readonly Resource[], members: readonly Resource[]): Blame {
  const bare = text.replace(/^goo\.gle\/\S+\s+/, '');
  const listed = /^Error adding\/updating (?:cluster|listener)\(s\) (.*)$/s.exec(bare)?.[1];
  const blamed = sent.map(({ name }) => name).filter((name) => listed !== undefined && isListed(listed, name));
  if (blamed.length > 0) return { culprits: new Set(blamed), rest: 'applied' };
  const places = [...text.matchAll(/\bresource index (\d+):/g)].map(([, place]) => members[Number(place)]);
  const placed = places.flatMap((resource) =>
    resource !== undefined && sent.includes(resource) ? [resource.name] : [],
  );
  if (placed.length > 0) return { culprits: new Set(placed), rest: 'applied' };
  const dumped = /^(?:cluster_)?name: "([^"]*)"/m.exec(bare)?.[1] ?? /expecting ([^)]+)\)/.exec(bare)?.[1];
  const known = dumped !== undefined && sent.some((resource) => resource.name === dumped);
  return { culprits: new Set(known ? [dumped] : []), rest: 'unknown' };
}

function isListed(listed: string, name: string): boolean {
  const mark = `${name}: `;
  return listed.startsWith(mark) || listed.includes(`, ${mark}`) || listed.includes(`\n${mark}`);
}

/**
 * Whether a NACK speaks of the client's own machine, or of what it holds, and not of the content: a port that is taken, a file that is not
 * there, a field that cannot change while a listener lives. The same content may be fine a moment later, or after a start anew.
 */
export function isLocalFault(text: string): boolean {
  return /cannot bind|address (?:already )?in use|permission denied|no such file|unable to (?:read|open) file|^invalid path: |failed to load .* from (?:path: )?\/|cannot assign requested address|cannot be changed during an update/i.test(
    text,
  );
}
