import type { Certificate } from './certificate.ts';
import type { RootState } from './root-rotation.ts';

/** What an authority did that is written down for good; leaves are told by whoever asked for them. */
export type AuthorityEvent =
  /** A root, or the issuing certificate under one. It is told when it was signed: what cannot be saved afterwards was made all the same. */
  | { readonly kind: 'made'; readonly what: 'root' | 'issuing certificate'; readonly certificate: Certificate }
  /** What is trusted, or what signs, is another. `before` is undefined for the first roots of a state dir. */
  | { readonly kind: 'roots'; readonly before: RootState | undefined; readonly now: RootState };

/** What is trusted now and what signs, in words: the first 16 digits name a root. */
export function rootsInWords({ phase, signing, other, deadlines }: RootState): string {
  const also = other === undefined ? '' : `, ${shortName(other.fingerprint)} is trusted, too`;
  const until =
    deadlines === undefined || phase === 'steady'
      ? ''
      : `; a root is compromised, the change ends by itself at ${new Date(deadlines.finish).toISOString()}`;
  return `${phase}: root ${shortName(signing.fingerprint)} signs${also}${until}`;
}

/** How lines name a root. */
export function shortName(fingerprint: string): string {
  return fingerprint.slice(0, 16);
}
