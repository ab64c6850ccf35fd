import type { OutboundPort } from './ir.ts';
import type { ConnectionRoute } from './ir-connection.ts';
import { byDefault } from './provenance.ts';

/** Where connections go that no server name leads elsewhere: what a rule says, else to the whole service (P10). */
export function restConnections({ connections = [], destination }: OutboundPort): ConnectionRoute {
  const { ref, pool, hash } = destination;
  return (
    connections.find(({ serverNames }) => serverNames.length === 0) ?? {
      name: `default/${ref.namespace}/${ref.name}`,
      by: { default: 'P10' },
      serverNames: [],
      destinations: [{ destination: ref, weight: byDefault(1, 'P15') }],
      terms: pool,
      ...(hash?.value.on === 'source-address' && { hash }),
    }
  );
}
