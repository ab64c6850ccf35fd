import type { OutboundPort, OutboundService, View } from '../model/ir.ts';
import { proxyDomains } from '../model/proxy-domains.ts';
import { remembered } from './keep.ts';

/** A port of a service as one scope calls it. */
export interface CalledPort {
  readonly service: OutboundService;
  readonly port: OutboundPort;
}

const memory = new WeakMap<View, ReadonlyMap<string, CalledPort>>();

/**
 * P4, P5, E22: which service port an authority (`reviews.shop:9080`, `reviews`) means for one scope: the name itself before a
 * wildcard, the longest of those first. Undefined: nobody that the scope knows is called so (P48).
 */
export function calledPort(view: View, authority: string): CalledPort | undefined {
  const domains = remembered(memory, view, () => byDomain(view));
  const asked = authority.toLowerCase();
  const exact = domains.get(asked);
  if (exact !== undefined) return exact;
  for (let at = 1; at < asked.length; at++) {
    // What a star stands for is never empty.
    const found = domains.get(`*${asked.slice(at)}`);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The service that a name without a port means, whatever ports it has. */
export function namedService(view: View, name: string): OutboundService | undefined {
  const asked = name.toLowerCase();
  return (
    view.services.find(({ names }) => names.includes(asked)) ??
    view.services.find(({ names }) => names.some((each) => each.startsWith('*') && asked.endsWith(each.slice(1))))
  );
}

/** Should two services claim a name, the first by service key has it. */
function byDomain(view: View): ReadonlyMap<string, CalledPort> {
  const domains = new Map<string, CalledPort>();
  for (const service of view.services) {
    for (const port of service.ports) {
      for (const domain of proxyDomains(service, port)) {
        if (!domains.has(domain)) domains.set(domain, { service, port });
      }
    }
  }
  return domains;
}
