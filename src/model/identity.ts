/**
 * Who a workload is: a trust domain, a namespace and a service account, written as a SPIFFE ID
 * (`spiffe://<trust domain>/ns/<namespace>/sa/<service account>`, P43).
 */
export interface Identity {
  readonly trustDomain: string;
  readonly namespace: string;
  readonly serviceAccount: string;
}

declare const spiffe: unique symbol;
/** A SPIFFE ID that has been checked once, at the edge. */
export type SpiffeId = string & { readonly [spiffe]: true };

const trustDomainPattern = /^[a-z0-9](?:[a-z0-9._-]{0,253}[a-z0-9])?$/;
/** Names of namespaces, services, service accounts and workloads: RFC 1123 labels. */
const labelPattern = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

/** True if `text` may name a namespace, a service, a service account or a workload (RFC 1123 label). */
export function isLabel(text: string): boolean {
  return labelPattern.test(text);
}

/** True if `text` may be a trust domain: lower-case DNS characters, at most 255. */
export function isTrustDomain(text: string): boolean {
  return trustDomainPattern.test(text);
}

/** The SPIFFE ID of an identity. Throws RangeError if a part is not a valid name: that is a bug upstream. */
export function spiffeId(identity: Identity): SpiffeId {
  const { trustDomain, namespace, serviceAccount } = identity;
  if (!isTrustDomain(trustDomain) || !isLabel(namespace) || !isLabel(serviceAccount)) {
    throw new RangeError(`not an identity: ${JSON.stringify(identity)}`);
  }
  return `spiffe://${trustDomain}/ns/${namespace}/sa/${serviceAccount}` as SpiffeId;
}

/** Reads a SPIFFE ID; undefined for anything that is not exactly of the five-part form. */
export function parseSpiffeId(text: string): Identity | undefined {
  const parts = /^spiffe:\/\/([^/]+)\/ns\/([^/]+)\/sa\/([^/]+)$/.exec(text);
  const [, trustDomain = '', namespace = '', serviceAccount = ''] = parts ?? [];
  if (!isTrustDomain(trustDomain) || !isLabel(namespace) || !isLabel(serviceAccount)) return undefined;
  return { trustDomain, namespace, serviceAccount };
}
