import type { SpiffeId } from './identity.ts';
import type { Protocol } from './policy.ts';
import type { Locality } from './registry-objects.ts';

/**
 * What a sidecar's node metadata says under the key `weft` (a JSON object in the bootstrap). The credential bounds every claim (T1).
 * Ports are the application's (`port`) and the sidecar's (`inbound`, where callers connect).
 */
export interface NodeMetadata {
  readonly service: string;
  readonly namespace: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly ports?: readonly NodePort[];
  /** What callers connect to; absent: the address the stream comes from. */
  readonly address?: string;
  /** Where inbound listeners bind; absent `0.0.0.0`. */
  readonly inboundBind?: string;
  /** The loopback address that the application listens on; absent `127.0.0.1`. Others let several with one port share a machine. */
  readonly applicationAddress?: string;
  readonly capture?: Capture;
  /** Where it runs, `region/zone/subzone`; later parts may be left out. */
  readonly locality?: string;
  /** The WorkloadGroup of its namespace that it joins; absent: the one that its credential names, if any. */
  readonly group?: string;
  /** The folder beside the proxy in which it keeps its certificate and key (`current/chain.pem`, `current/key.pem`), if it made that key. */
  readonly identityFolder?: string;
  /** By which roots it knows the control plane when it starts: SHA-256 of their DER, lower-case hex. */
  readonly roots?: readonly string[];
  /** Another random text at each start of Envoy by `weft run`: what has said goodbye does not come back, what starts anew does (E35). */
  readonly run?: string;
}

export interface NodePort {
  readonly name?: string;
  readonly port: number;
  readonly inbound: number;
  readonly protocol?: Protocol;
}

/** How the application reaches its sidecar (section 7 of experience.md). Absent parts are off. */
export interface Capture {
  /** The address that outbound listeners bind; absent `127.0.0.1`. */
  readonly bind?: string;
  /** HTTP_PROXY listener: its port, 15001 by default. */
  readonly proxy?: number;
  /** One local port for each service port. */
  readonly ports?: boolean;
}

/** A connected sidecar: its node as checked against its credential. */
export interface Proxy {
  /** `<name>.<namespace>`: node id and workload id. */
  readonly id: string;
  readonly name: string;
  readonly namespace: string;
  readonly service: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly identity: SpiffeId;
  readonly ports: readonly NodePort[];
  readonly inboundBind: string;
  readonly applicationAddress: string;
  readonly locality?: Locality;
  readonly capture: {
    readonly bind: string;
    readonly proxy?: number;
    readonly ports: boolean;
    /** Its stream speaks state of the world: virtual hosts come inside of their route configuration. */
    readonly wholeRoutes?: true;
  };
  /** `1.40.0`, from the node's user agent; empty if it sent none. */
  readonly envoyVersion: string;
  /** `weft run` stands beside it, which makes the probes of its group. */
  readonly helped?: true;
  /** It keeps its own key in this folder beside it; absent: key and certificate come by SDS. */
  readonly identityFolder?: string;
  /** By which roots it knew the control plane when it started; absent: it did not say. */
  readonly roots?: readonly string[];
}
