import type { Scope, View } from '../model/ir.ts';
import type { ConnectionRoute } from '../model/ir-connection.ts';
import type { Route } from '../model/ir-route.ts';
import type { Mesh } from '../model/mesh.ts';
import type { VirtualServiceObject } from '../model/policy.ts';
import { restConnections } from '../model/rest-connections.ts';
import { isHttp, type Service } from '../model/service.ts';
import type { CallCandidate } from './call-candidate.ts';
import { type CalledPort, calledPort, namedService } from './called-port.ts';
import { connectionCandidates, connectionFor } from './connection-candidates.ts';
import { meshDefaults } from './mesh-defaults.ts';
import { indexPolicies } from './policy-index.ts';
import { requestCandidates } from './request-candidates.ts';
import type { SeenRequest } from './request-match.ts';
import { type RefusedRequest, type SentRequest, seenRequest } from './seen-request.ts';
import { indexServices } from './service-index.ts';
import { resolveView } from './view.ts';
import { chooseVirtualService } from './virtual-service.ts';

/** A call as a program makes it through its sidecar. */
export interface Call extends Omit<SentRequest, 'authority'> {
  /** As in `http://HOST:PORT/`. */
  readonly host: string;
  readonly port?: number;
  /** Of TLS that the program begins itself; absent: the host; empty: it names none. */
  readonly serverName?: string;
}

/** Who takes a call, and everybody who was asked before. */
export type CallDecision =
  /** `route` undefined: rules are left for this caller and port, and none fits: 404 (P10). */
  | (Ruled & { readonly kind: 'request'; readonly seen: SeenRequest; readonly route: Route | undefined })
  /** `tunnel`: nobody sees what is inside (R11). */
  | (Ruled & { readonly kind: 'connection'; readonly tunnel: boolean; readonly route: ConnectionRoute })
  /** Before anything is looked up. */
  | (RefusedRequest & { readonly kind: 'refused' })
  /** P48. `known`: the service is known by this name, but has no such port. */
  | { readonly kind: 'unknown'; readonly authority: string; readonly known: CalledPort['service'] | undefined };

interface Ruled {
  readonly called: CalledPort;
  /** The VirtualService whose rules were asked (P9). */
  readonly virtualService: VirtualServiceObject | undefined;
  /** In the order in which they are asked. */
  readonly candidates: readonly CallCandidate[];
}

/**
 * Where a call of a client goes and why (P4, P9 to P12, P19, P48): pure, over the very decisions that proxies get, so that it can be
 * held against a real Envoy (test/property/routes-envoy.test.ts). A Host header of the call goes before its host.
 */
export function decideCall(mesh: Mesh, scope: Scope, call: Call): CallDecision {
  const view = resolveView(mesh, scope);
  const authority = authorityOf(call);
  const called = calledPort(view, authority) ?? onlyPort(view, call);
  const tunnel = call.method === 'CONNECT';
  const isRequest = !tunnel && (called === undefined || isHttp(called.port.protocol));
  const seen = isRequest ? seenRequest({ ...call, authority }, view.terms.pathNormalization.value) : undefined;
  if (seen !== undefined && 'refused' in seen) return { kind: 'refused', ...seen };
  if (called === undefined) return { kind: 'unknown', authority, known: namedService(view, hostOf(authority)) };
  const service = indexServices(mesh.services).byKey.get(called.service.service);
  const policies = indexPolicies(mesh.policies, meshDefaults(mesh));
  const virtualService = service && chooseVirtualService(policies, service, scope.namespace);
  const asked = { scope, called, service, virtualService };
  if (seen === undefined) return connection(asked, call, tunnel);
  const { candidates, route } = requestCandidates(asked, seen);
  return { kind: 'request', called, virtualService, seen, candidates, route };
}

/** What the rules of one port are asked with. */
export interface AskedPort {
  readonly scope: Scope;
  readonly called: CalledPort;
  readonly service: Service | undefined;
  readonly virtualService: VirtualServiceObject | undefined;
}

function connection(asked: AskedPort, call: Call, tunnel: boolean): CallDecision {
  const { called, virtualService } = asked;
  const serverName = tunnel ? undefined : (call.serverName ?? call.host).toLowerCase();
  const route = serverName === undefined ? restConnections(called.port) : connectionFor(called.port, serverName);
  const candidates = connectionCandidates(asked, route, serverName);
  return { kind: 'connection', called, virtualService, candidates, tunnel, route };
}

/** As HTTP programs write it: port 80 is left out. */
function authorityOf({ host, port, headers }: Call): string {
  return hostHeader(headers) ?? (port === undefined || port === 80 ? host : `${host}:${port}`);
}

/** An authority without its port. */
export function hostOf(authority: string): string {
  return authority.replace(/:\d*$/, '');
}

function hostHeader(headers: Call['headers']): string | undefined {
  return headers.find(([name]) => name.toLowerCase() === 'host')?.[1];
}

/** Without a port, the only one of a service is meant: bare names mean HTTP ports alone. Who writes a Host means that. */
function onlyPort(view: View, { host, port, headers }: Call): CalledPort | undefined {
  const isBare = port === undefined && hostHeader(headers) === undefined;
  const service = isBare ? namedService(view, host) : undefined;
  const [only, another] = service?.ports ?? [];
  return service && only && another === undefined ? { service, port: only } : undefined;
}
