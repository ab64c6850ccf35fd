import type { KeyObject } from 'node:crypto';
import type { Millis } from '../model/policy.ts';
import type { Certificate } from './certificate.ts';
import type { RootSlot } from './root-rotation.ts';
import type { Signer } from './sign-certificate.ts';

/** What signs end entities: the key, its certificate, and how a verifier comes from there to the root. */
export interface IssuingSigner extends Signer {
  /** The certificates between it and the root, its own signer first; the root itself is not among them. */
  readonly chain: readonly Certificate[];
  /** The earliest end of all that stands above a leaf: nothing outlives its signer. */
  readonly notAfter: Millis;
}

/** A root that is trusted, with what this authority holds of it. */
export interface TrustedRoot {
  readonly slot: RootSlot;
  readonly certificate: Certificate;
  /** Absent: it is kept elsewhere, and no issuer can be made under it here. */
  readonly key?: KeyObject;
  /** The issuer that is saved for it. */
  readonly issuer?: IssuingSigner;
}

export function issuingSigner(signer: Signer, chain: readonly Certificate[], root: Certificate): IssuingSigner {
  const { key, certificate } = signer;
  return {
    key,
    certificate,
    chain,
    notAfter: Math.min(...[certificate, ...chain, root].map(({ notAfter }) => notAfter)),
  };
}

export function rootSlot(certificate: Certificate, trustDomain: string, source: RootSlot['source']): RootSlot {
  const { fingerprint, pem, notBefore, notAfter } = certificate;
  return { fingerprint, certificate: pem, trustDomain, notBefore, notAfter, source };
}
