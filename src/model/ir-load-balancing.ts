import type { Millis } from './policy.ts';
import type { Locality } from './registry-objects.ts';

/**
 * How an endpoint is chosen: by a rule of thumb, or by a key of the request in a ring or a table of so many places (P27). `as-requested`:
 * what a request or a connection names is called, and nothing is chosen.
 */
export type LoadBalancerDecision =
  | 'least-request'
  | 'round-robin'
  | 'random'
  | 'as-requested'
  | { readonly ring: number }
  | { readonly table: number };

/** A new endpoint gets from `minimumPercent` of its share on all of it within the window; growing the slower at first, the higher `aggression` is below 1. */
export interface WarmupDecision {
  readonly window: Millis;
  readonly minimumPercent: number;
  readonly aggression: number;
}

/** What the client's place means for the endpoints of one destination. */
export interface LocalityDecision {
  /** Which endpoints are called first, and which only as those fail. Absent: all alike. */
  readonly order?: EndpointOrder;
  /** The share of the localities that a pattern covers; endpoints that no pattern covers are not called. */
  readonly shares?: readonly { readonly pattern: string; readonly share: number }[];
  /** Of the endpoints that are called first: how much of each locality. Absent: by the weights of the endpoints. */
  readonly balance?: ZoneBalance;
  /** Among endpoints of one rank a locality is chosen by its weight first, then one of its endpoints. */
  readonly weighted: boolean;
}

/**
 * All clients of one service together load all endpoints alike, each of them staying in its own locality as far as that allows. With fewer
 * endpoints than `least` nothing is gained by it.
 */
export interface ZoneBalance {
  readonly namespace: string;
  readonly service: string;
  readonly own: Locality;
  readonly least: number;
}

/** Endpoints are ranked by labels first, then by place. */
export interface EndpointOrder {
  /** What the endpoint's labels are to be, the most important first. */
  readonly labels: readonly { readonly name: string; readonly value: string }[];
  /** Where the client is: same subzone, zone, region, elsewhere. Absent: places do not count. */
  readonly near?: Locality;
  /** Only regions count of it. */
  readonly regions?: true;
  /** The region that goes before all other foreign ones. */
  readonly nextRegion?: string;
}

/** Where an endpoint stands among those of its destination. */
export interface EndpointPlace {
  readonly locality?: Locality;
  /** 0 and absent: called first; n: as those before fail. Without gaps. */
  readonly priority?: number;
  /** Of its locality among those of its priority; set where localities are chosen by weight. */
  readonly localityWeight?: number;
}
