import { compareText } from '../model/compare-text.ts';
import type { DestinationRef, PeerSecurity } from '../model/ir-destination.ts';
import type { Service } from '../model/service.ts';
import type { EndpointFacts } from './endpoint-facts.ts';
import type { MeshDefaults } from './mesh-defaults.ts';

/** P35: MESH_EXTERNAL and addresses that come with the request are never called with mesh TLS; nobody is where D15 is off. */
export function peerSecurity(
  settings: MeshDefaults,
  service: Service,
  ref: DestinationRef,
  facts: EndpointFacts,
): PeerSecurity {
  if (!settings.automaticTls.value || service.external || service.resolution === 'request') return { kind: 'plain' };
  // The name by which P25 tells destinations apart in SNI.
  return {
    kind: 'mesh',
    accepted: acceptedOf(facts, settings),
    serverName: `outbound_.${ref.port}_.${ref.subset ?? ''}_.${ref.host}`,
  };
}

/** P36: whoever may answer for the service may do so under every name of the trust domain. */
function acceptedOf({ accepted }: EndpointFacts, { trustDomains }: MeshDefaults): readonly string[] {
  const [own = '', ...aliases] = trustDomains;
  if (aliases.length === 0) return accepted;
  const start = `spiffe://${own}/`;
  const renamed = accepted
    .filter((id) => id.startsWith(start))
    .flatMap((id) => aliases.map((alias) => `spiffe://${alias}/${id.slice(start.length)}`));
  return [...new Set([...accepted, ...renamed])].sort(compareText);
}
