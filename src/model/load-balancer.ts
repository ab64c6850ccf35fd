import type { Millis } from './policy.ts';

/** One block of a traffic policy, as written: how a client chooses among endpoints. */
export interface LoadBalancer {
  /** Absent: nothing in particular (D5). */
  readonly simple?: 'LEAST_REQUEST' | 'ROUND_ROBIN' | 'RANDOM' | 'PASSTHROUGH';
  readonly consistentHash?: ConsistentHash;
  readonly localityLbSetting?: LocalityLbSetting;
  readonly zoneAwareLbSetting?: ZoneAwareLbSetting;
  readonly warmup?: Warmup;
}

/** Equal keys go to one endpoint. */
export interface ConsistentHash {
  /** Absent: requests have no key, and each goes to a place at random. */
  readonly key?: HashKey;
  /** Absent: a ring (D9). */
  readonly algorithm?: { readonly kind: 'ring' | 'table'; readonly size: number };
}

/** What of a request is its key. A cookie with a lifetime is made where a request has none: 0 lasts as long as the browser. */
export type HashKey =
  | { readonly on: 'header'; readonly name: string }
  | {
      readonly on: 'cookie';
      readonly name: string;
      readonly path?: string;
      readonly ttl?: Millis;
      readonly attributes: readonly { readonly name: string; readonly value: string }[];
    }
  | { readonly on: 'source-address' }
  | { readonly on: 'query'; readonly name: string };

/** What is nearer is called first, or localities have their shares. */
export interface LocalityLbSetting {
  /** Absent: on. */
  readonly enabled?: boolean;
  /** Shares of 100 by patterns of localities, for clients of the first `from` that covers them. */
  readonly distribute: readonly { readonly from: string; readonly to: Readonly<Record<string, number>> }[];
  /** Regions, by the client's. */
  readonly failover: readonly { readonly from?: string; readonly to?: string }[];
  /** Labels, or `label=value`, of which as many as possible are to agree, the first ones above all. */
  readonly failoverPriority: readonly string[];
}

/** Requests stay where they begin as far as all endpoints of the region are loaded alike that way. */
export interface ZoneAwareLbSetting extends Pick<LocalityLbSetting, 'enabled' | 'failover' | 'failoverPriority'> {
  /** With fewer endpoints places do not count. Absent: 6, as Envoy. */
  readonly minClusterSize?: number;
}

/** A new endpoint gets its share of the requests little by little. */
export interface Warmup {
  readonly duration: Millis;
  readonly minimumPercent?: number;
  readonly aggression?: number;
}
