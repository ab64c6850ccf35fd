import type { Condition } from '../model/ir-inbound.ts';
import type { TextMatch } from '../model/ir-route.ts';
import { rangeEnds } from '../policy/address-range.ts';
import { re2Samples } from '../policy/re2-samples.ts';
import { type ClaimValue, holds, type SeenCall } from './holds.ts';

/** A condition that looks at one thing of a call. */
export type Atom = Exclude<Condition, { readonly kind: 'always' | 'never' | 'all' | 'any' | 'not' }>;

/** A thing of a call that conditions look at: `method`, `header x-user`, `claim [role]`. */
export type Dimension = string;

/** What it may be; `null`: there is none. */
export type DimensionValue = string | null;

/** Stands where a text may be any; windows write a star for it. */
export const anyWord = 'zz9any';
/** The same, where what is excluded begins or ends as the first does. */
export const otherWord = '8any';

const ofHeader: Readonly<Record<string, Dimension>> = {
  host: 'host',
  ':authority': 'host',
  ':method': 'method',
  ':path': 'path',
};

export function dimensionOf(atom: Atom): Dimension {
  switch (atom.kind) {
    case 'header':
      return ofHeader[atom.name] ?? `header ${atom.name}`;
    case 'claim':
      return `claim ${atom.path.map((key) => `[${key}]`).join('')}`;
    default:
      return atom.kind;
  }
}

/** Whether an atom holds for a call of which its dimension has this value. */
export function atomHolds(atom: Atom, value: DimensionValue): boolean {
  return holds(atom, callWith(atom, value)) === true;
}

function callWith(atom: Atom, value: DimensionValue): SeenCall {
  const text = value ?? '';
  switch (atom.kind) {
    case 'principal':
      return { principal: value };
    case 'source-address':
      return { sourceAddress: text };
    case 'remote-address':
      return { remoteAddress: text };
    case 'destination-address':
      return { destinationAddress: text };
    case 'server-name':
      return { serverName: value };
    case 'host':
      return { authority: text };
    case 'method':
      return { method: text };
    case 'path':
      return { path: text };
    case 'header':
      return {
        authority: text,
        method: text,
        path: text,
        headers: new Map(value === null ? [] : [[atom.name, [value]]]),
      };
    case 'claim':
      return { claims: value === null ? {} : claimOf(atom.path, value) };
    default:
      return atom satisfies never;
  }
}

function claimOf(path: readonly string[], value: string): Readonly<Record<string, ClaimValue>> {
  const nested = path.reduceRight<ClaimValue>((inner, key) => ({ [key]: inner }), value);
  return nested as Readonly<Record<string, ClaimValue>>;
}

/** Values for which an atom holds, that of the most room first. */
export function samplesOf(atom: Atom): readonly string[] {
  switch (atom.kind) {
    case 'source-address':
    case 'remote-address':
    case 'destination-address':
      return rangeEnds(atom.cidr);
    default:
      return textsOf(atom.match);
  }
}

function textsOf(match: TextMatch): readonly string[] {
  switch (match.kind) {
    case 'exact':
      return [match.value];
    case 'prefix':
      return [`${match.value}${anyWord}`, match.value];
    case 'suffix':
      return [`${anyWord}${match.value}`, match.value];
    case 'regex':
      return re2Samples(match.value, anyWord);
    case 'present':
      return [anyWord];
    default:
      return match satisfies never;
  }
}
