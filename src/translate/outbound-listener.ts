import type { OutboundPort } from '../model/ir.ts';
import type { ListenerTerms } from '../model/ir-mesh.ts';
import { isHttp } from '../model/service.ts';
import type { Address } from '../proto/gen/envoy/config/core/v3/address_pb.ts';
import { TrafficDirection } from '../proto/gen/envoy/config/core/v3/base_pb.ts';
import { type Filter, FilterChainSchema } from '../proto/gen/envoy/config/listener/v3/listener_components_pb.ts';
import { type Listener, ListenerSchema } from '../proto/gen/envoy/config/listener/v3/listener_pb.ts';
import { message } from '../proto/message.ts';
import { type ConnectionChains, connectionChains, detectingChains } from './connection-chains.ts';
import { outboundConnectionManager } from './http-connection-manager.ts';
import { proxyName, servicePortName } from './names.ts';
import { httpFilter } from './network-filter.ts';
import { provenanceMetadata } from './provenance-metadata.ts';
import { socketAddress } from './socket-address.ts';

/** Where programs with HTTP_PROXY set send everything: absolute URLs and tunnels (E22, E23). */
export function proxyListener(bind: string, port: number, terms: ListenerTerms): Listener {
  const manager = outboundConnectionManager(proxyName, 'localhost', terms, { address: bind, port });
  return outboundListener(proxyName, socketAddress(bind, port), chainOf(httpFilter(manager)), { ...terms });
}

/** The local port of one service port. Of what policies say only where plain connections go, and on which terms, stands here. */
export function portListener(port: OutboundPort, bind: string, localPort: number, terms: ListenerTerms): Listener {
  const { ref } = port.destination;
  const name = servicePortName(ref);
  const own = { address: bind, port: localPort };
  const requests = () => httpFilter(outboundConnectionManager(name, ref.host, terms, own));
  const chains =
    port.protocol === 'auto'
      ? detectingChains(port, requests(), terms)
      : isHttp(port.protocol)
        ? chainOf(requests())
        : connectionChains(port, terms);
  return outboundListener(name, socketAddress(bind, localPort), chains, { ...terms });
}

/** The one chain of a listener. */
export function chainOf(filter: Filter): ConnectionChains {
  return { filterChains: [message(FilterChainSchema, { filters: [filter] })] };
}

/** A listener for calls of the application; `decided` is what policies say of it. */
export function outboundListener(
  name: string,
  address: Address,
  chains: ConnectionChains,
  decided: Parameters<typeof provenanceMetadata>[0],
): Listener {
  const metadata = provenanceMetadata(decided);
  return message(ListenerSchema, {
    name,
    address,
    // Envoys that share a port share its connections, and a call leaves under another workload's identity (docs/decisions/46).
    enableReusePort: false,
    trafficDirection: TrafficDirection.OUTBOUND,
    ...chains,
    ...(metadata === undefined ? {} : { metadata }),
  });
}
