import type { ConnectionMatch, ConnectionRule, TlsMatch } from '../model/connection-rules.ts';
import type { OutboundPort } from '../model/ir.ts';
import type { ConnectionRoute } from '../model/ir-connection.ts';
import type { VirtualServiceObject } from '../model/policy.ts';
import { provenance } from '../model/policy-provenance.ts';
import { restConnections } from '../model/rest-connections.ts';
import { connectionLayer } from '../model/service.ts';
import { bySpecificity, hostCovers } from '../policy/hosts.ts';
import { type CallCandidate, differing } from './call-candidate.ts';
import type { AskedPort } from './route-decision.ts';
import { staticMismatch } from './static-match.ts';

/** Where a connection goes whose client names this server: to the rule that names it most closely, else with all the rest (P19). */
export function connectionFor(port: OutboundPort, serverName: string): ConnectionRoute {
  const led = (port.connections ?? []).flatMap((route) =>
    route.serverNames.filter((name) => hostCovers(name, serverName)).map((name) => ({ name, route })),
  );
  const [closest] = led.sort((a, b) => bySpecificity(a.name, b.name));
  return closest?.route ?? restConnections(port);
}

/** Every rule about connections to a port in its order, and why it does not take this one; `serverName` undefined: nobody sees one. */
export function connectionCandidates(
  { scope, called, service, virtualService }: AskedPort,
  route: ConnectionRoute,
  serverName: string | undefined,
): readonly CallCandidate[] {
  const layer = connectionLayer(called.port.protocol);
  const rules: readonly ConnectionRule<ConnectionMatch & Partial<TlsMatch>>[] =
    virtualService === undefined || layer === undefined ? [] : virtualService.spec[layer];
  const candidates: CallCandidate[] = [];
  let taken = false;
  const ask = (object: VirtualServiceObject, path: string, index: number, at: number | undefined) => {
    const name = `VirtualService/${object.namespace}/${object.name}[${layer}.${index}]`;
    const match = at === undefined ? undefined : rules[index]?.match[at];
    const mismatch =
      (match && staticMismatch(match, scope, called.port.port, service)) ??
      (match?.sniHosts && serverMismatch(match.sniHosts, serverName));
    if (mismatch !== undefined) candidates.push(differing(object, path, name, mismatch));
    else if (!taken && route.name === name) {
      taken = true;
      candidates.push({ name, by: provenance(object, path), verdict: 'chosen' });
    } else {
      const verdict = layer === 'tls' && route.name !== name ? 'closer' : 'behind';
      candidates.push({ name, by: provenance(object, path), verdict, other: route.name });
    }
  };
  rules.forEach((rule, index) => {
    if (virtualService === undefined) return;
    const path = `spec.${layer}[${index}]`;
    if (rule.match.length === 0) ask(virtualService, path, index, undefined);
    rule.match.forEach((_, at) => {
      ask(virtualService, `${path}.match[${at}]`, index, at);
    });
  });
  if ('default' in route.by) candidates.push({ name: route.name, by: route.by, verdict: 'chosen' });
  return candidates;
}

function serverMismatch(sniHosts: readonly string[], serverName: string | undefined) {
  if (serverName !== undefined && sniHosts.some((host) => hostCovers(host, serverName))) return undefined;
  return { field: ['sniHosts'], wanted: `has ${sniHosts.join(' or ')}`, got: serverName };
}
