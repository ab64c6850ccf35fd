import type { ConnectionRoute } from './ir-connection.ts';
import type { ConnectionPoolDecision, Destination } from './ir-destination.ts';
import type { EgressListener } from './ir-egress.ts';
import type { Inbound } from './ir-inbound.ts';
import type { ListenerTerms } from './ir-mesh.ts';
import type { ProbeDecision } from './ir-probe.ts';
import type { Route } from './ir-route.ts';
import type { Labels, Protocol } from './policy.ts';
import type { Decided } from './provenance.ts';
import type { Proxy } from './proxy.ts';
import type { Locality } from './registry-objects.ts';
import type { ServiceKey } from './service.ts';

/*
 * The intermediate representation: what a proxy must do, with every policy already decided and by which line. No Envoy word stands
 * here and no policy word after it. Values keep their identity while nothing they depend on changes: translation is remembered on it.
 */

/** All that the outbound half of a proxy depends on besides the mesh: proxies with equal scopes share one View. */
export interface Scope {
  readonly namespace: string;
  /** Only the labels that some policy looks at for this namespace, so that other labels do not split views. */
  readonly labels: Labels;
  /** Only where some policy makes places count for this namespace (D12), and the client says where it is. */
  readonly locality?: Locality;
  /** Only where places count by how many clients of its service run in each: which service. */
  readonly service?: string;
}

/** The outbound half, shared by every proxy of one scope. */
export interface View {
  /** Text form of the scope: equal scopes, equal keys. */
  readonly key: string;
  /** Sorted by service key. */
  readonly services: readonly OutboundService[];
  /** What a Sidecar limits the services to, as it is written; absent: all that are visible (D20). */
  readonly imports?: Decided<readonly string[]>;
  /** Listeners that the Sidecar asks for, in the order written. */
  readonly listeners?: readonly EgressListener[];
  /** Traffic to hosts that the registry does not know (D18). */
  readonly unknownHosts: Decided<'pass' | 'refuse'>;
  /** How they are called, if they may pass (D4, D6). */
  readonly passing: ConnectionPoolDecision;
  readonly terms: ListenerTerms;
}

export interface OutboundService {
  readonly service: ServiceKey;
  readonly namespace: string;
  readonly name: string;
  readonly host: string;
  /** The names by which this scope may call it, most specific knowledge applied (P4); may hold `*.x` (P5). Lower case, no ports. */
  readonly names: readonly string[];
  readonly ports: readonly OutboundPort[];
}

export interface OutboundPort {
  readonly port: number;
  readonly protocol: Protocol;
  /** The sidecar's local port for it, if one was allocated. */
  readonly localPort?: number;
  /** The whole service: what plain connections (TCP, CONNECT) go to where `connections` says nothing. */
  readonly destination: Destination;
  /** Of ports that are not HTTP, where rules act on connections: in order of choice, the last for all the rest (P10, P19). */
  readonly connections?: readonly ConnectionRoute[];
  /** HTTP protocols only, in order of match, the default route included; empty: every request is 404 (P10). */
  readonly routes: readonly Route[];
  /** Every destination of this port that routes of any service may name: the whole service first, then its subsets. */
  readonly destinations: readonly Destination[];
}

/** All that one proxy must do. */
export interface ProxyIR {
  readonly proxy: Proxy;
  /** Sorted by port. */
  readonly inbound: readonly Inbound[];
  /** What it tests of its application; absent: nothing, or `weft run` does. */
  readonly probe?: Decided<ProbeDecision>;
  readonly view: View;
}
