import type { ClientTls } from '../model/client-tls.ts';
import { compareText } from '../model/compare-text.ts';
import type { DestinationRef, PeerSecurity } from '../model/ir-destination.ts';
import type { Decided } from '../model/provenance.ts';
import type { MutualTlsMode } from '../model/security-policy.ts';
import type { Service, ServicePort } from '../model/service.ts';
import type { Effective } from './destination-rule.ts';
import { decidedBy } from './effective.ts';
import type { EndpointFacts } from './endpoint-facts.ts';
import type { MeshDefaults } from './mesh-defaults.ts';
import { tlsOrigination } from './tls-origination.ts';

/** How a destination is called, and who said so if somebody did. */
export interface DecidedSecurity {
  readonly security: PeerSecurity;
  readonly tls?: Decided<PeerSecurity['kind']>;
  /** Where it is automatic: who turned it off at workloads of the service. */
  readonly plaintext?: readonly Decided<MutualTlsMode>[];
}

/** P23: a `tls` block decides; without one mesh TLS is automatic. */
export function peerSecurity(
  settings: MeshDefaults,
  service: Service,
  port: ServicePort,
  ref: DestinationRef,
  facts: EndpointFacts,
  block: Effective<ClientTls> | undefined,
): DecidedSecurity {
  if (block === undefined) {
    const security = automatic(settings, service, ref, facts);
    const plaintext = security.kind === 'mesh' ? facts.disabling?.get(port.number) : undefined;
    return { security, ...(plaintext && { plaintext }) };
  }
  const security = chosen(settings, service, port, ref, facts, block.value);
  return { security, tls: decidedBy(block, security.kind) };
}

/** P35: MESH_EXTERNAL and addresses that come with the request are never called with mesh TLS; nobody is where D15 is off. */
function automatic(settings: MeshDefaults, service: Service, ref: DestinationRef, facts: EndpointFacts): PeerSecurity {
  if (!settings.automaticTls.value || service.external || service.resolution === 'request') return { kind: 'plain' };
  return { kind: 'mesh', accepted: acceptedOf(facts, settings), serverName: meshServerName(ref), ...ofMesh(settings) };
}

function chosen(
  settings: MeshDefaults,
  service: Service,
  port: ServicePort,
  ref: DestinationRef,
  facts: EndpointFacts,
  tls: ClientTls,
): PeerSecurity {
  switch (tls.mode) {
    case 'DISABLE':
      return { kind: 'plain' };
    case 'ISTIO_MUTUAL': {
      // P36: whom the block names, else whom the entry names, else the service's own workloads; an empty list accepts nobody.
      const written = tls.subjectAltNames.length > 0 ? tls.subjectAltNames : service.subjectAltNames;
      const accepted = written.length > 0 ? [...new Set(written)].sort(compareText) : acceptedOf(facts, settings);
      return { kind: 'mesh', accepted, serverName: tls.sni ?? meshServerName(ref), always: true, ...ofMesh(settings) };
    }
    case 'SIMPLE':
    case 'MUTUAL':
      return tlsOrigination(settings, service, port, tls);
    default:
      return tls.mode satisfies never;
  }
}

function ofMesh({ meshParameters }: MeshDefaults) {
  return meshParameters === undefined ? {} : { meshParameters };
}

/** The name by which P25 tells destinations apart in SNI. */
function meshServerName(ref: DestinationRef): string {
  return `outbound_.${ref.port}_.${ref.subset ?? ''}_.${ref.host}`;
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
