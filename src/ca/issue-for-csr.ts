import { Failure } from '../model/failure.ts';
import { type Identity, spiffeId } from '../model/identity.ts';
import type { Clock } from '../model/state-store.ts';
import { readCsr, refused } from './csr.ts';
import { createCsrLimits } from './csr-limits.ts';
import type { SignedSvid } from './svid.ts';
import type { SvidSource } from './svid-source.ts';

/** Who asks, as its credential says: nothing of it is taken from the request. */
export interface CsrCaller {
  readonly identity: Identity;
  /** The proxy that keeps the key. */
  readonly holder: string;
  /** Where it connects from. */
  readonly address?: string;
}

/** Signs the requests of workloads that keep their own keys. */
export interface CsrDesk {
  /** The SVID, or why not: WEFT0305 (the request, or too many of them), WEFT0909 (nothing can be issued now). */
  issue(caller: CsrCaller, csr: Uint8Array): SignedSvid | Failure;
}

/** Creates the desk: counts (10 a minute for an identity, 20 at once), reads strictly, compares the name, signs (T17). */
export function createCsrDesk({ svids, clock }: { readonly svids: SvidSource; readonly clock: Clock }): CsrDesk {
  const limits = createCsrLimits(clock);
  return {
    issue({ identity, holder, address }, csr) {
      const id = spiffeId(identity);
      if (!limits.take({ identity: id, ...(address !== undefined && { address }) })) return tooMany;
      const request = readCsr(csr);
      if (request instanceof Failure) return request;
      if (request.spiffeId !== undefined && request.spiffeId !== id)
        return refused(`it asks for ${request.spiffeId}, its credential is for ${id}`);
      try {
        return svids.issue(identity, request.publicKey, holder);
      } catch (error) {
        if (error instanceof Failure) return error;
        throw error;
      }
    },
  };
}

/** Nothing is wrong with the request: it may be sent again later. */
export const tooMany = new Failure(
  'WEFT0305',
  'too many certificate signing requests: 10 a minute are signed for an identity, 20 at once',
  'wait a minute; a workload needs a new certificate twice a day',
);
