import type { Diagnostic } from '../model/diagnostic.ts';
import type { Mesh } from '../model/mesh.ts';
import type { PolicySet } from '../model/policy.ts';
import type { Proxy } from '../model/proxy.ts';
import { resolveEndpoints } from '../resolve/endpoints.ts';
import { resolveProxy } from '../resolve/proxy.ts';
import { generatedFault } from '../translate/generated-fault.ts';
import { translateProbe } from '../translate/probe-cluster.ts';
import { translateCapture } from '../translate/translate-capture.ts';
import { translateInbound } from '../translate/translate-inbound.ts';
import { translateView } from '../translate/translate-view.ts';
import type { Resource } from '../xds/resource.ts';
import { generatedFinding, generatedHint } from './generated-finding.ts';
import { bareCaller, offlineProxy, offlineProxyNames } from './offline-proxy.ts';
import { objectOf } from './revision-table.ts';

/** WEFT0601 of all that proxies would be sent (decision 45): each once, with its line. What proxies share is made once. */
export function generatedFindings(mesh: Mesh, proxies: Iterable<Proxy>): readonly Diagnostic[] {
  const seen = new Set<object>();
  const found = [...proxies].flatMap((proxy) => {
    const { view, inbound, probe } = resolveProxy(mesh, proxy);
    const own = [...translateInbound(inbound, proxy), ...translateProbe(probe)];
    const capture = translateCapture(view, proxy.capture);
    if (seen.has(view)) return faultsIn(mesh.policies, [...own, ...capture]);
    seen.add(view);
    const outbound = translateView(view, (destination) => resolveEndpoints(mesh, destination));
    return faultsIn(mesh.policies, [...outbound, ...own, ...capture]);
  });
  return [...new Map(found.map((finding) => [finding.message, finding])).values()];
}

/** Every proxy that files describe, and a caller of each namespace. */
export function offlineProxies(mesh: Mesh): readonly Proxy[] {
  const namespaces = new Set(mesh.policies.objects.map(({ namespace }) => namespace));
  const described = offlineProxyNames(mesh).map((name) => offlineProxy(mesh, name, ''));
  return [...described, ...[...namespaces].sort().map((namespace) => bareCaller(mesh, namespace))];
}

/** WEFT0601 of these resources. */
export function faultsIn(policies: PolicySet, resources: readonly Resource[]): readonly Diagnostic[] {
  return resources.flatMap((resource) => {
    const fault = generatedFault(resource);
    if (fault === undefined) return [];
    const finding = generatedFinding(resource, fault, (ref) => objectOf(policies, ref));
    if (finding !== undefined) return [finding];
    // Nobody's line is known: it is said all the same.
    const [first] = policies.objects;
    const nowhere = { code: 'WEFT0601', severity: 'error', message: fault.text, hint: generatedHint } as const;
    return first === undefined ? [] : [{ ...nowhere, at: first.at }];
  });
}
