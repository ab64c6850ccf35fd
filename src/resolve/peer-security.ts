import type { DestinationRef, PeerSecurity } from '../model/ir-destination.ts';
import type { Service } from '../model/service.ts';
import type { EndpointFacts } from './endpoint-facts.ts';

/** P35: MESH_EXTERNAL and addresses that come with the request are never called with mesh TLS. */
export function peerSecurity(service: Service, ref: DestinationRef, facts: EndpointFacts): PeerSecurity {
  if (service.external || service.resolution === 'request') return { kind: 'plain' };
  // The name by which P25 tells destinations apart in SNI.
  return {
    kind: 'mesh',
    accepted: facts.accepted,
    serverName: `outbound_.${ref.port}_.${ref.subset ?? ''}_.${ref.host}`,
  };
}
