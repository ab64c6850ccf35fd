import type { Protocol } from './policy.ts';
import type { ServiceKey } from './service.ts';
import type { HeldNamespace } from './status.ts';
import type { Workload } from './workload.ts';

/** What a server holds against a commit besides its text and who is connected (decision 47), for who checks one before it is written. */
export interface RegistryKnowledge {
  /** False: nobody has ever joined, so that the registry says nothing. */
  readonly isHistory: boolean;
  /** What would be there of the services that are away. */
  readonly away: readonly Workload[];
  /** Ports that workloads of a service had before. */
  readonly ports: readonly {
    readonly service: ServiceKey;
    readonly ports: readonly { readonly number: number; readonly protocol: Protocol }[];
  }[];
  /** Hosts of services that may come, since a token is for them. */
  readonly expected: readonly string[];
  /** Errors that what is served has at this moment, which hold nothing back, and in which fields. */
  readonly standing: readonly { readonly mistake: string; readonly fields: readonly string[] }[];
  /** Who called in the last hour, and is let in by what is served now (WEFT0151). */
  readonly callers: readonly RecentCaller[];
  /** The ALLOW policies that are served, as `policyText` writes them; empty without callers. */
  readonly allowing: readonly string[];
  /** Where it takes calls in STRICT and in DISABLE now (WEFT0170). */
  readonly modes: readonly ServedMode[];
  /** What is served, where a commit that lets in who is refused by that needs a mark (WEFT0171); absent: it needs none. */
  readonly marked?: { readonly commit: string; readonly held: readonly HeldNamespace[] };
}

/** Ports at which one policy decides how calls are taken, so that callers must know it. */
export interface ServedMode {
  readonly mode: 'STRICT' | 'DISABLE';
  /** `PeerAuthentication/shop/default` */
  readonly by: string;
  /** `catalog-1.shop:9080`; of a workload that names no ports `catalog-1.shop`. */
  readonly ports: readonly string[];
}

/** Calls that a service let in, of one caller. */
export interface RecentCaller {
  /** `frontend.shop`, `(outside)` */
  readonly name: string;
  /** Its SPIFFE ID without scheme; `null`: it called in plaintext. */
  readonly principal: string | null;
  readonly service: string;
  readonly namespace: string;
  /** Requests, or connections. */
  readonly requests: number;
}
