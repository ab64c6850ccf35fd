import type { OutboundPort } from './ir.ts';
import type { ConnectionRoute, ConnectionTerms } from './ir-connection.ts';
import { byDefault, isWritten } from './provenance.ts';

/** Where connections go that no server name leads elsewhere: what a rule says, else to the whole service (P10). */
export function restConnections({ connections = [], destination }: OutboundPort): ConnectionRoute {
  const { ref, pool, hash } = destination;
  return (
    connections.find(({ serverNames }) => serverNames.length === 0) ?? {
      name: `default/${ref.namespace}/${ref.name}`,
      by: { default: 'P10' },
      serverNames: [],
      destinations: [{ destination: ref, weight: byDefault(1, 'P15') }],
      terms: connectionTerms(pool),
      ...(hash?.value.on === 'source-address' && { hash }),
    }
  );
}

/** The part of a pool that bounds connections: no age by default, which would cut sessions in use (R1), also where HTTP beside them has one. */
export function connectionTerms({ tcpIdleTimeout, maxConnectionDuration: age }: ConnectionTerms): ConnectionTerms {
  return { ...(tcpIdleTimeout && { tcpIdleTimeout }), ...(age && isWritten(age) && { maxConnectionDuration: age }) };
}
