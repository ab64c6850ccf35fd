import type { ConnectionPoolDecision } from './ir-destination.ts';
import type { WeightedDestination } from './ir-route.ts';
import type { HashKey } from './load-balancer.ts';
import type { Decided, DecidedBy } from './provenance.ts';

/**
 * Where connections to a port go whose bytes are not read: chosen when they are opened, for as long as they live. A rule decides, or
 * nobody does (P10).
 */
export interface ConnectionRoute {
  /** `VirtualService/shop/db[tcp.0]`, or `default/shop/db` where no rule decides. */
  readonly name: string;
  readonly by: DecidedBy;
  /** Of TLS: the names by which clients are led here, lower case, perhaps `*.x`; the most specific holds. Empty: all the rest. */
  readonly serverNames: readonly string[];
  /** At least one; weights are positive, 1 for a single destination. */
  readonly destinations: readonly WeightedDestination[];
  readonly terms: ConnectionTerms;
  /** Connections from one address go to one endpoint (P27). */
  readonly hash?: Decided<HashKey>;
}

/** What bounds a connection: the pool of its first destination says so. */
export type ConnectionTerms = Pick<ConnectionPoolDecision, 'tcpIdleTimeout' | 'maxConnectionDuration'>;
