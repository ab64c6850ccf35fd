import type { Condition } from '../model/ir-inbound.ts';
import {
  type Atom,
  anyWord,
  type Dimension,
  type DimensionValue,
  dimensionOf,
  otherWord,
  samplesOf,
} from './call-dimension.ts';

/** Who may call: names that identities have. */
export interface Callers {
  /** Of the mesh, its own first. */
  readonly trustDomains: readonly string[];
  /** SPIFFE IDs without scheme that somebody has. */
  readonly known: readonly string[];
}

const usualMethods = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'];
const addresses: readonly Dimension[] = ['source-address', 'remote-address', 'destination-address'];
/** Of ranges for documentation, which no policy is about; a range of the one family says nothing of the other. */
const anyAddresses = ['203.0.113.77', '2001:db8:ffff::77'];
/** Of more accounts and namespaces than this, not each is tried with each. */
const mostIdentities = 2_000;

/**
 * What a dimension may be where conditions must all hold: a text that nobody names, those that a condition asks for, and what shows the
 * difference between two of these. What a condition only excludes needs no text of its own.
 */
export function valuesOf(
  dimension: Dimension,
  conditions: readonly Condition[],
  callers: Callers,
): readonly DimensionValue[] {
  const asked: Atom[] = [];
  for (const condition of conditions) collect(condition, dimension, true, addresses.includes(dimension), asked);
  const samples = [...asked.flatMap(samplesOf), ...joined(asked)];
  switch (dimension) {
    case 'principal':
      return [...new Set([...identities(samples, callers), null])];
    case 'method':
      return [...new Set([...usualMethods, ...samples, anyWord, otherWord])];
    case 'path':
      return [...new Set([`/${anyWord}`, ...samples, `/${otherWord}`])];
    case 'host':
      return [...new Set([anyWord, ...samples, otherWord])];
    case 'source-address':
    case 'remote-address':
    case 'destination-address':
      return [...new Set([...anyAddresses, ...samples])];
    default:
      // Server names, headers and claims may not be there at all.
      return [...new Set([null, anyWord, ...samples, otherWord])];
  }
}

/** The atoms of a dimension that help if they hold (`asks`), or all of them. */
function collect(condition: Condition, dimension: Dimension, asks: boolean, all: boolean, found: Atom[]): void {
  switch (condition.kind) {
    case 'always':
    case 'never':
      return;
    case 'all':
    case 'any':
      for (const part of condition.of) collect(part, dimension, asks, all, found);
      return;
    case 'not':
      collect(condition.of, dimension, !asks, all, found);
      return;
    default:
      if ((asks || all) && dimensionOf(condition) === dimension) found.push(condition);
  }
}

/** Texts with the beginning that one asks for and the end that another does. */
function joined(atoms: readonly Atom[]): readonly string[] {
  const matches = atoms.flatMap((atom) => ('match' in atom ? [atom.match] : []));
  const starts = matches.flatMap((match) => (match.kind === 'prefix' ? [match.value] : []));
  const ends = matches.flatMap((match) => (match.kind === 'suffix' ? [match.value] : []));
  return starts.flatMap((start) => ends.flatMap((end) => [`${start}${anyWord}${end}`, `${start}${end}`]));
}

const identity = /^([^/]+)\/ns\/([^/]+)\/sa\/([^/]+)$/;

/** That of nobody in particular first; then those of parts that conditions name, in the names that the mesh has for itself. */
function identities(samples: readonly string[], { trustDomains, known }: Callers): readonly string[] {
  const [own = ''] = trustDomains;
  const whole = samples.flatMap((sample) => completed(sample, own));
  const parts = [...whole, `${own}/ns/${anyWord}/sa/${anyWord}`].flatMap((each) => {
    const [, domain = '', namespace = '', account = ''] = identity.exec(each) ?? [];
    return [{ domain, namespace, account }];
  });
  const domains = new Set([...trustDomains, ...parts.map(({ domain }) => domain)]);
  // Nobody has a certificate of a trust domain that nobody names.
  domains.delete(anyWord);
  const namespaces = new Set([anyWord, ...parts.map(({ namespace }) => namespace), otherWord]);
  const accounts = new Set([anyWord, ...parts.map(({ account }) => account), otherWord]);
  const count = domains.size * namespaces.size * accounts.size;
  const combined =
    count > mostIdentities
      ? parts.flatMap(({ namespace, account }) =>
          [...domains].map((domain) => `${domain}/ns/${namespace}/sa/${account}`),
        )
      : [...domains].flatMap((domain) =>
          [...namespaces].flatMap((namespace) =>
            [...accounts].map((account) => `${domain}/ns/${namespace}/sa/${account}`),
          ),
        );
  const isTaken = (each: string) => !each.startsWith(`${anyWord}/`);
  return [`${own}/ns/${anyWord}/sa/${anyWord}`, ...known, ...combined, ...whole.filter(isTaken)];
}

/** A whole identity around a part of one: the beginning, the end or both. */
function completed(part: string, own: string): readonly string[] {
  if (identity.test(part)) return [part];
  const general = `${own}/ns/${anyWord}/sa/${anyWord}`;
  const bare = part.startsWith(anyWord) ? part.slice(anyWord.length) : part;
  const start = bare.endsWith(anyWord) ? bare.slice(0, -anyWord.length) : bare;
  for (const text of new Set([start, bare])) {
    for (let cut = 0; cut <= general.length; cut++) {
      const candidates = [`${text}${general.slice(cut)}`, `${general.slice(0, cut)}${text}`];
      const fitting = candidates.filter((each) => identity.test(each) && holdsBoth(each, part));
      if (fitting.length > 0) return fitting;
    }
  }
  return [];
}

/** Whether the completed text still begins or ends as the part does. */
function holdsBoth(text: string, part: string): boolean {
  const [before = '', after = ''] = part.includes(anyWord) ? part.split(anyWord) : [part, part];
  return text.startsWith(before) && (after === '' || before === after || text.endsWith(after));
}
