import type { PeerSecurity } from '../model/ir-destination.ts';
import { pack } from '../proto/codec.ts';
import {
  type Cluster,
  type Cluster_TransportSocketMatch,
  Cluster_TransportSocketMatchSchema,
} from '../proto/gen/envoy/config/cluster/v3/cluster_pb.ts';
import { RawBufferSchema } from '../proto/gen/envoy/extensions/transport_sockets/raw_buffer/v3/raw_buffer_pb.ts';
import { message } from '../proto/message.ts';
import { upstreamTlsSocket } from './upstream-tls.ts';

/** The key of endpoint metadata by which Envoy chooses a transport socket. */
export const socketMatchKey = 'envoy.transport_socket_match';

/** What stands there for an endpoint that is called with mesh TLS (P35). */
export const meshEndpoint = { tls: 'mesh' };

/**
 * How endpoints are called: all in one way where a policy says so (P23); else one cluster carries both kinds, marked ones by mesh TLS, the
 * rest in plaintext (P35).
 */
export function transportSockets(
  security: PeerSecurity,
): Partial<Pick<Cluster, 'transportSocket' | 'transportSocketMatches'>> {
  switch (security.kind) {
    case 'plain':
      return {};
    case 'tls':
      return { transportSocket: upstreamTlsSocket(security) };
    case 'mesh':
      if (security.always) return { transportSocket: upstreamTlsSocket(security) };
      return { transportSocketMatches: marked(security) };
    default:
      return security satisfies never;
  }
}

function marked(security: Extract<PeerSecurity, { kind: 'mesh' }>): Cluster_TransportSocketMatch[] {
  return [
    message(Cluster_TransportSocketMatchSchema, {
      name: 'mesh',
      match: meshEndpoint,
      transportSocket: upstreamTlsSocket(security),
    }),
    message(Cluster_TransportSocketMatchSchema, {
      name: 'plaintext',
      match: {},
      transportSocket: {
        name: 'envoy.transport_sockets.raw_buffer',
        configType: { case: 'typedConfig', value: pack(RawBufferSchema) },
      },
    }),
  ];
}
