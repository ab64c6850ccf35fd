import type { KeyObject } from 'node:crypto';
import type { SpiffeId } from '../model/identity.ts';
import type { Millis } from '../model/policy.ts';

/** What a certificate shall say, before anybody signed it. Names of the signer are added by the signer (sign-certificate.ts). */
export interface CertificateTemplate {
  /** 16 random bytes (128 bits); leading zeros and the sign are the encoder's matter. */
  readonly serial: Uint8Array;
  /** Absent: the subject is empty, and the alternative names are critical (RFC 5280 section 4.1.2.6). */
  readonly commonName?: string;
  readonly notBefore: Millis;
  readonly notAfter: Millis;
  readonly publicKey: KeyObject;
  /** Set: may sign certificates, with this many authorities below it. Absent: CA=false. */
  readonly pathLength?: number;
  readonly uris: readonly string[];
  readonly dnsNames: readonly string[];
  readonly ipAddresses: readonly string[];
  /** Of an end entity; empty for authorities. */
  readonly usages: readonly ('client' | 'server')[];
}

/** What every template takes: a fresh key, a random serial, and the time. */
export interface TemplateInput {
  readonly publicKey: KeyObject;
  readonly serial: Uint8Array;
  readonly now: Millis;
}

const minute = 60_000;
const day = 24 * 60 * minute;

/** Clocks may differ by five minutes (F22, X118). */
const backDate: Millis = 5 * minute;
const rootLife: Millis = 3_652 * day;
const issuerLife: Millis = 365 * day;
/** DNS name under which every sidecar expects its control plane (E1). */
export const controlPlaneName = 'xds.weft';

/** A root: 10 years, one authority below it. Its URI is the trust domain itself, which ties the key to it for good. */
export function rootTemplate(input: TemplateInput, trustDomain: string): CertificateTemplate {
  return authorityTemplate(input, trustDomain, 'Weft root', rootLife, 1);
}

/** An issuing certificate: 1 year, signs end entities only, never outlives the root. */
export function issuerTemplate(
  input: TemplateInput,
  trustDomain: string,
  signer: { notAfter: Millis },
): CertificateTemplate {
  const template = authorityTemplate(input, trustDomain, 'Weft issuer', issuerLife, 0);
  return { ...template, notAfter: Math.min(template.notAfter, signer.notAfter) };
}

/** An X509-SVID: exactly one name, the SPIFFE ID; an empty subject; both sides of a handshake. `life` in ms, cut at the signer's end. */
export function svidTemplate(
  input: TemplateInput,
  spiffeId: SpiffeId,
  life: Millis,
  signer: { notAfter: Millis },
): CertificateTemplate {
  return {
    ...endEntity(input, life, signer),
    uris: [spiffeId],
    dnsNames: [],
    ipAddresses: [],
    usages: ['client', 'server'],
  };
}

/** The control plane's own: `xds.weft`, the given names and addresses, and no SPIFFE ID, so that no workload can pass for it (T28). */
export function serverTemplate(
  input: TemplateInput,
  names: { readonly dnsNames: readonly string[]; readonly ipAddresses: readonly string[] },
  life: Millis,
  signer: { notAfter: Millis },
): CertificateTemplate {
  const dnsNames = [...new Set([controlPlaneName, ...names.dnsNames])];
  const ipAddresses = [...new Set(names.ipAddresses)];
  const commonName = 'Weft control plane';
  return { ...endEntity(input, life, signer), commonName, uris: [], dnsNames, ipAddresses, usages: ['server'] };
}

function authorityTemplate(
  input: TemplateInput,
  trustDomain: string,
  title: string,
  life: Millis,
  pathLength: number,
): CertificateTemplate {
  // The serial's start in the name keeps two roots of one mesh apart wherever a name is all there is to look at.
  const commonName = `${title} ${Buffer.from(input.serial).toString('hex').slice(0, 8)}`;
  const { publicKey, serial, now } = input;
  const validity = { notBefore: now - backDate, notAfter: now + life };
  const uris = [`spiffe://${trustDomain}`];
  return { serial, publicKey, commonName, ...validity, pathLength, uris, dnsNames: [], ipAddresses: [], usages: [] };
}

function endEntity({ publicKey, serial, now }: TemplateInput, life: Millis, signer: { notAfter: Millis }) {
  return { serial, publicKey, notBefore: now - backDate, notAfter: Math.min(now + life, signer.notAfter) };
}
