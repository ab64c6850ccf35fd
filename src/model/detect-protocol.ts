import type { Protocol } from './policy.ts';

/** P28: the protocol of a port that declares none: bytes, or what its first bytes say where `policy.protocolDetection` is `auto`. */
export function undeclaredProtocol({ protocolDetection }: { readonly protocolDetection?: 'auto' }): Protocol {
  return protocolDetection === 'auto' ? 'auto' : 'tcp';
}
