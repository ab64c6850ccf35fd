import type { AnswerProxies, RouteAnswer } from '../model/route-answer.ts';
import { authorizerName, bundleSecretName, identitySecretName, inboundName, tokensName } from '../translate/names.ts';
import { type ConnectedProxies, heldOtherwise } from './route-proxies.ts';
import type { DecidingNames } from './route-resources.ts';

/**
 * Which proxies before the called workloads refused what stands before the called port: listener, rules, filters, certificates. What is
 * decided there, and what `weft authz` says of it, is then not what acts.
 */
export function calledProxiesOf(
  { clusters }: Pick<RouteAnswer, 'clusters'>,
  connected: ConnectedProxies,
): AnswerProxies {
  const proxies = new Map(connected.proxies.map((proxy) => [proxy.id, proxy]));
  const called = new Map<string, Set<number>>();
  for (const { workload, address } of clusters.flatMap(({ endpoints }) => endpoints)) {
    const ports = proxies.get(workload ?? '')?.ports.filter(({ inbound }) => address.endsWith(`:${inbound}`)) ?? [];
    if (workload === undefined || ports.length === 0) continue;
    const known = called.get(workload) ?? new Set();
    called.set(workload, known);
    for (const { port } of ports) known.add(port);
  }
  const otherwise = [...called].flatMap(([id, ports]) => {
    const [proxy, stream] = [proxies.get(id), connected.streamOf(id)];
    if (proxy === undefined || stream === undefined) return [];
    const names = namesOf([...ports].map(inboundName));
    return stream.types
      .flatMap((type) => heldOtherwise(proxy, type, names, connected))
      .filter(({ state }) => state === 'refused');
  });
  return { connected: called.size, otherwise };
}

function namesOf(ports: readonly string[]): DecidingNames {
  const each = new Set(ports);
  return {
    LDS: each,
    RDS: each,
    CDS: each,
    ECDS: new Set([authorizerName, tokensName]),
    SDS: new Set([identitySecretName, bundleSecretName]),
  };
}
