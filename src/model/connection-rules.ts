import type { Labels } from './policy.ts';
import type { RouteDestination } from './virtual-service.ts';

/** A rule of `tls[]` or `tcp[]`: where connections go. Any of its matches is enough; none at all takes every connection. */
export interface ConnectionRule<Match extends ConnectionMatch = ConnectionMatch> {
  readonly match: readonly Match[];
  readonly route: readonly RouteDestination[];
}

/** One way to match a connection: all that is written must hold. */
export interface ConnectionMatch {
  readonly port?: number;
  readonly sourceLabels: Labels;
  readonly sourceNamespace?: string;
  /** Addresses or ranges, of which one must hold the called address; empty: any address. */
  readonly destinationSubnets: readonly string[];
}

export interface TlsMatch extends ConnectionMatch {
  /** Lower case; at least one. */
  readonly sniHosts: readonly string[];
}
