import type { OutboundPort } from './ir.ts';
import type { Protocol } from './policy.ts';
import type { Decided } from './provenance.ts';

/** A listener that a Sidecar asks for, besides those by which the application's own capture reaches the mesh. */
export interface EgressListener {
  readonly at: Decided<EgressAddress>;
  readonly protocol: Protocol;
  /** The one service behind it is named: whoever calls means it, whatever host he says. */
  readonly single: boolean;
  /** Sorted by service. Behind HTTP only HTTP ports; of bytes without names one at most. */
  readonly targets: readonly EgressTarget[];
}

export type EgressAddress =
  /** Absent address: where the proxy's other outbound listeners are. */
  | { readonly kind: 'port'; readonly address?: string; readonly port: number }
  | { readonly kind: 'socket'; readonly path: string };

export interface EgressTarget {
  /** By which it is meant there; none stands at two targets. */
  readonly names: readonly string[];
  readonly port: OutboundPort;
}
