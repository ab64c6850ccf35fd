import { isIP } from 'node:net';
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { Secret } from '../model/secret.ts';
import { pack } from '../proto/codec.ts';
import {
  Cluster_DiscoveryType,
  Cluster_DnsLookupFamily,
  type ClusterSchema,
} from '../proto/gen/envoy/config/cluster/v3/cluster_pb.ts';
import type { GrpcServiceSchema } from '../proto/gen/envoy/config/core/v3/grpc_service_pb.ts';
import {
  SubjectAltNameMatcher_SanType,
  TlsParameters_TlsProtocol,
} from '../proto/gen/envoy/extensions/transport_sockets/tls/v3/common_pb.ts';
import { UpstreamTlsContextSchema } from '../proto/gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.ts';
import { HttpProtocolOptionsSchema } from '../proto/gen/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.ts';
import type { ControlPlaneAddress } from './bootstrap.ts';
import { seconds } from './bootstrap-duration.ts';

/** The name of the control plane's cluster in every bootstrap; its counters are `cluster.xds.…` (E4). */
export const controlPlaneClusterName = 'xds';

/** A gRPC service of the control plane as Envoy calls it, with the credential (E3) and the quick back-off of E6. */
export function controlPlaneService(credential: Secret<string>): MessageInitShape<typeof GrpcServiceSchema> {
  return {
    targetSpecifier: {
      case: 'envoyGrpc',
      value: {
        clusterName: controlPlaneClusterName,
        skipEnvoyHeaders: true,
        retryPolicy: { retryBackOff: { baseInterval: seconds(0.2), maxInterval: seconds(2) } },
      },
    },
    initialMetadata: [{ key: 'authorization', value: `Bearer ${credential.expose()}` }],
  };
}

/**
 * The way to the control plane: HTTP/2 with keepalive over TLS 1.3 in both bounds (E2), its certificate checked against
 * the pinned root and its name. A host that is a DNS name is resolved again and again, an IP address never.
 */
export function controlPlaneCluster(controlPlane: ControlPlaneAddress): MessageInitShape<typeof ClusterSchema> {
  const { host, port } = controlPlane;
  const isName = isIP(host) === 0;
  const socketAddress = { address: host, portSpecifier: { case: 'portValue', value: port } } as const;
  const endpoint = { address: { address: { case: 'socketAddress', value: socketAddress } } } as const;
  return {
    name: controlPlaneClusterName,
    clusterDiscoveryType: {
      case: 'type',
      value: isName ? Cluster_DiscoveryType.STRICT_DNS : Cluster_DiscoveryType.STATIC,
    },
    // All addresses of the name: a host with an unused IPv6 record is reached over its IPv4 one at the next try.
    ...(isName ? { dnsLookupFamily: Cluster_DnsLookupFamily.ALL } : {}),
    connectTimeout: seconds(5),
    typedExtensionProtocolOptions: {
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': pack(HttpProtocolOptionsSchema, {
        upstreamProtocolOptions: {
          case: 'explicitHttpConfig',
          value: {
            protocolConfig: {
              case: 'http2ProtocolOptions',
              value: { connectionKeepalive: { interval: seconds(30), timeout: seconds(10) } },
            },
          },
        },
      }),
    },
    transportSocket: {
      name: 'envoy.transport_sockets.tls',
      configType: { case: 'typedConfig', value: pack(UpstreamTlsContextSchema, tlsContext(controlPlane)) },
    },
    loadAssignment: {
      clusterName: controlPlaneClusterName,
      endpoints: [{ lbEndpoints: [{ hostIdentifier: { case: 'endpoint', value: endpoint } }] }],
    },
  };
}

function tlsContext(controlPlane: ControlPlaneAddress): MessageInitShape<typeof UpstreamTlsContextSchema> {
  return {
    sni: controlPlane.serverName,
    commonTlsContext: {
      tlsParams: {
        tlsMinimumProtocolVersion: TlsParameters_TlsProtocol.TLSv1_3,
        tlsMaximumProtocolVersion: TlsParameters_TlsProtocol.TLSv1_3,
      },
      alpnProtocols: ['h2'],
      validationContextType: {
        case: 'validationContext',
        value: {
          trustedCa: { specifier: { case: 'inlineString', value: controlPlane.rootPem } },
          matchTypedSubjectAltNames: [
            {
              sanType: SubjectAltNameMatcher_SanType.DNS,
              matcher: { matchPattern: { case: 'exact', value: controlPlane.serverName } },
            },
          ],
        },
      },
    },
  };
}
