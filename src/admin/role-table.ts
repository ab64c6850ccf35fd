import type { Caller, Role } from './admin-source.ts';
import { notAuthenticated, notPermitted } from './envelope.ts';

/**
 * Who may ask what. `open`: anybody who reaches the listener. A role: that role or a higher one; a reader of loopback without a token
 * (`up`, `demo`) counts as `viewer`, for GET only. `workload: 'own'`: a workload's credential reads it as far as its own proxy goes.
 */
export interface Endpoint {
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly path: string;
  readonly needs: 'open' | Role;
  readonly workload: 'own' | 'none';
  /** One line for the index. */
  readonly about: string;
}

function row(
  method: Endpoint['method'],
  path: string,
  needs: Endpoint['needs'],
  workload: Endpoint['workload'],
  about: string,
): Endpoint {
  return { method, path, needs, workload, about };
}

/** The table role by endpoint (T5, section 5 of experience.md). A route without a row fails when the server is made. */
export const endpoints: readonly Endpoint[] = [
  row('GET', '/healthz', 'open', 'own', 'the process is alive'),
  row('GET', '/readyz', 'open', 'own', 'policies, registry, tokens and CA are loaded; else what is missing'),
  row('GET', '/metrics', 'viewer', 'none', 'metrics of the control plane, Prometheus text'),
  row('GET', '/metrics/mesh', 'viewer', 'none', 'metrics of the mesh, names and labels as in Istio'),
  row('GET', '/debug', 'viewer', 'none', 'this index'),
  row('GET', '/debug/list', 'viewer', 'none', 'names of the debug endpoints'),
  row('GET', '/debug/syncz', 'viewer', 'own', 'per proxy and type: sent, acknowledged, refused, nonces, times'),
  row('GET', '/debug/adsz', 'viewer', 'own', 'open streams with node, identity, subscriptions'),
  row('GET', '/debug/connections', 'viewer', 'none', 'open streams, the short form'),
  row('GET', '/debug/nackz', 'viewer', 'none', 'what proxies refused and is withheld until it changes; what led to it'),
  row('POST', '/debug/nackz', 'operator', 'none', 'offers what was refused under a name again'),
  row(
    'GET',
    '/debug/config_dump',
    'viewer',
    'own',
    'what a proxy should hold, or holds since it refused newer, as Envoy would dump it; ?proxyID=',
  ),
  row('GET', '/debug/edsz', 'viewer', 'own', 'the endpoints of that; ?proxyID='),
  row(
    'GET',
    '/debug/ir',
    'viewer',
    'own',
    'decisions before Envoy’s words, each with the line that made it; ?proxyID= or ?scope=, else the scopes',
  ),
  row('GET', '/debug/sidecarz', 'viewer', 'own', 'per proxy: the services it sees, and what becomes of other hosts'),
  row('GET', '/debug/registryz', 'viewer', 'none', 'services'),
  row('GET', '/debug/endpointShardz', 'viewer', 'none', 'endpoints by service and source, with health'),
  row('GET', '/debug/instancesz', 'viewer', 'none', 'which services each workload backs'),
  row('GET', '/debug/configz', 'viewer', 'none', 'accepted objects with their places'),
  row('GET', '/debug/certz', 'viewer', 'none', 'certificates, authorities, alarms, and how far a change of root is'),
  row(
    'GET',
    '/debug/authorizationz',
    'viewer',
    'own',
    'per proxy and port: mTLS mode and rules, with their lines; ?proxyID=',
  ),
  row('GET', '/debug/mesh', 'viewer', 'none', 'mesh-wide settings, generation, revision'),
  row('GET', '/api/v1/version', 'viewer', 'own', 'versions of server, Envoy and this API'),
  row('GET', '/api/v1/status', 'viewer', 'none', 'what weft status shows'),
  row('GET', '/api/v1/proxies', 'viewer', 'own', 'connected proxies'),
  row(
    'GET',
    '/api/v1/proxies/:id/config',
    'viewer',
    'own',
    'what a proxy should hold, or holds since it refused newer, as Envoy would dump it',
  ),
  row(
    'GET',
    '/api/v1/proxies/:id/provenance',
    'viewer',
    'own',
    'which field of that a policy decided, with its line in the revision that the proxy holds',
  ),
  row(
    'GET',
    '/api/v1/describe',
    'viewer',
    'none',
    'all about one object; ?kind=service|workload|policy&name=&namespace=',
  ),
  row('GET', '/api/v1/services', 'viewer', 'none', 'services with their endpoints counted'),
  row('GET', '/api/v1/workloads', 'viewer', 'none', 'workloads'),
  row('GET', '/api/v1/policies', 'viewer', 'none', 'accepted objects with the place of each field'),
  row('GET', '/api/v1/diagnostics', 'viewer', 'none', 'findings of the newest commit'),
  row(
    'GET',
    '/api/v1/knowledge',
    'viewer',
    'none',
    'services that are away, tokens, standing errors and recent callers, by which commits are judged',
  ),
  row('GET', '/api/v1/history', 'viewer', 'none', 'commits and what became of them'),
  row('GET', '/api/v1/certificates', 'viewer', 'none', 'certificates by identity, and the authority'),
  row(
    'GET',
    '/api/v1/certificates/rotation',
    'viewer',
    'none',
    'the change of root: who has acknowledged, who has not',
  ),
  row('POST', '/api/v1/certificates/rotation', 'operator', 'none', 'takes a step of it, or distrusts a root'),
  row('GET', '/api/v1/route', 'viewer', 'none', 'which rule takes a call, and why; ?host=, ?from=, ?path=, …'),
  row(
    'GET',
    '/api/v1/authz',
    'viewer',
    'none',
    'whether a call is allowed, and by which rule; ?host=, ?from=, ?path=, …',
  ),
  row('GET', '/api/v1/check', 'viewer', 'none', 'the way of a call: endpoints, route, mTLS, authorization; as above'),
  row('GET', '/api/v1/edges', 'viewer', 'none', 'calls by caller and callee; ?windowSeconds='),
  row('GET', '/api/v1/ports', 'viewer', 'none', 'local ports of the services'),
  row('GET', '/api/v1/settings', 'operator', 'none', 'settings with their origins'),
  row('GET', '/api/v1/sources', 'viewer', 'none', 'sources of the registry'),
  row('GET', '/api/v1/tokens', 'operator', 'none', 'tokens, without their secrets'),
  row('POST', '/api/v1/tokens', 'operator', 'none', 'makes a token; its secret is answered once'),
  row('DELETE', '/api/v1/tokens/:id', 'operator', 'none', 'revokes a token'),
  row('GET', '/api/v1/audit', 'operator', 'none', 'who joined, was issued, was refused, wrote: the newest events'),
  row('POST', '/api/v1/sync', 'operator', 'none', 'looks at the policy repository now'),
];

export function findEndpoint(method: string, path: string): Endpoint | undefined {
  return endpoints.find((endpoint) => endpoint.method === method && endpoint.path === path);
}

/** Someone who asks, after the credential was looked at: `anonymous` shown nothing, `unknown` showed a bad one. */
export type Asker = Caller | 'anonymous' | 'loopback-reader' | 'unknown';

const rank: Readonly<Record<Role, number>> = { viewer: 1, operator: 2, admin: 3 };

/** Denies by default: throws Failure WEFT0902 unless the row grants it. `endpoint` undefined: there is no such address. */
export function requireAccess(asker: Asker, endpoint: Endpoint | undefined): void {
  if (endpoint?.needs === 'open') return;
  if (asker === 'anonymous' || asker === 'unknown') throw notAuthenticated(asker === 'unknown');
  if (asker === 'loopback-reader') {
    if (endpoint !== undefined && (endpoint.method !== 'GET' || endpoint.needs !== 'viewer')) {
      throw notAuthenticated(false);
    }
    return;
  }
  if ('workload' in asker) {
    if (endpoint?.workload === 'own') return;
    throw notPermitted(asker.workload, 'a workload reads its own proxy only; use a token of a person');
  }
  if (endpoint !== undefined && rank[asker.role] < rank[endpoint.needs]) {
    throw notPermitted(`the role "${asker.role}"`, `use a token with the role "${endpoint.needs}"`);
  }
}
