import { isIP } from 'node:net';
import type { JsonObject, MessageInitShape } from '@bufbuild/protobuf';
import { toEnvoyJson } from '../proto/canonical-json.ts';
import { pack } from '../proto/codec.ts';
import {
  Cluster_DiscoveryType,
  Cluster_DnsLookupFamily,
  type ClusterSchema,
} from '../proto/gen/envoy/config/cluster/v3/cluster_pb.ts';
import { ApiVersion } from '../proto/gen/envoy/config/core/v3/config_source_pb.ts';
import type { GrpcServiceSchema } from '../proto/gen/envoy/config/core/v3/grpc_service_pb.ts';
import {
  SubjectAltNameMatcher_SanType,
  TlsParameters_TlsProtocol,
} from '../proto/gen/envoy/extensions/transport_sockets/tls/v3/common_pb.ts';
import {
  type CommonTlsContextSchema,
  UpstreamTlsContextSchema,
} from '../proto/gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.ts';
import { HttpProtocolOptionsSchema } from '../proto/gen/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.ts';
import { ownIdentitySecret } from '../translate/secret.ts';
import { meshCurves } from '../translate/tls-parameters.ts';
import type { ControlPlaneAddress } from './bootstrap.ts';
import { seconds } from './bootstrap-duration.ts';
import { knownRootsName } from './known-roots.ts';
import { isOwnIdentity, type SidecarCredential } from './own-identity.ts';

/** The name of the control plane's cluster in every bootstrap; its counters are `cluster.xds.…` (E4). */
export const controlPlaneClusterName = 'xds';

/** The file in the folder of a proxy's own identity that tells Envoy, as a response of SDS, which files to show the control plane. */
export const ownSecretFile = 'control-plane.json';
const ownSecretName = 'control-plane';

/** What stands in that file. */
export function ownSecretText(folder: string): string {
  const secret = toEnvoyJson(ownIdentitySecret(folder)) as JsonObject;
  const type = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret';
  return `${JSON.stringify({ resources: [{ '@type': type, ...secret, name: ownSecretName }] })}\n`;
}

/** A gRPC service of the control plane as Envoy calls it, with the credential (E3) and the quick back-off of E6. */
export function controlPlaneService(credential: SidecarCredential): MessageInitShape<typeof GrpcServiceSchema> {
  return {
    targetSpecifier: {
      case: 'envoyGrpc',
      value: {
        clusterName: controlPlaneClusterName,
        skipEnvoyHeaders: true,
        retryPolicy: { retryBackOff: { baseInterval: seconds(0.2), maxInterval: seconds(2) } },
      },
    },
    ...(isOwnIdentity(credential)
      ? {}
      : { initialMetadata: [{ key: 'authorization', value: `Bearer ${credential.expose()}` }] }),
  };
}

/**
 * The way to the control plane: HTTP/2 with keepalive over TLS 1.3 in both bounds (E2), its certificate checked against
 * the pinned root and its name. A host that is a DNS name is resolved again and again, an IP address never.
 */
export function controlPlaneCluster(
  controlPlane: ControlPlaneAddress,
  credential: SidecarCredential,
  rootsFile?: string,
): MessageInitShape<typeof ClusterSchema> {
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
      configType: {
        case: 'typedConfig',
        value: pack(UpstreamTlsContextSchema, tlsContext(controlPlane, credential, rootsFile)),
      },
    },
    loadAssignment: {
      clusterName: controlPlaneClusterName,
      endpoints: [{ lbEndpoints: [{ hostIdentifier: { case: 'endpoint', value: endpoint } }] }],
    },
  };
}

function tlsContext(
  controlPlane: ControlPlaneAddress,
  credential: SidecarCredential,
  rootsFile: string | undefined,
): MessageInitShape<typeof UpstreamTlsContextSchema> {
  return {
    sni: controlPlane.serverName,
    commonTlsContext: {
      tlsParams: {
        tlsMinimumProtocolVersion: TlsParameters_TlsProtocol.TLSv1_3,
        tlsMaximumProtocolVersion: TlsParameters_TlsProtocol.TLSv1_3,
        ecdhCurves: [...meshCurves],
      },
      alpnProtocols: ['h2'],
      // From a file, never over the connection that it opens (X120); read anew for the next one when the certificate was renewed.
      ...(isOwnIdentity(credential)
        ? {
            tlsCertificateSdsSecretConfigs: [
              {
                name: ownSecretName,
                sdsConfig: {
                  configSourceSpecifier: {
                    case: 'pathConfigSource',
                    value: { path: `${credential.identityFolder}/${ownSecretFile}` },
                  },
                  resourceApiVersion: ApiVersion.V3,
                },
              } as const,
            ],
          }
        : {}),
      validationContextType: knownBy(controlPlane, rootsFile),
    },
  };
}

/** The control plane by its name and root; roots that may change come from a file, never over the connection that they open (X120). */
function knownBy(
  { serverName, rootPem }: ControlPlaneAddress,
  rootsFile: string | undefined,
): NonNullable<MessageInitShape<typeof CommonTlsContextSchema>['validationContextType']> {
  const matchTypedSubjectAltNames = [
    {
      sanType: SubjectAltNameMatcher_SanType.DNS,
      matcher: { matchPattern: { case: 'exact', value: serverName } },
    } as const,
  ];
  if (rootsFile === undefined) {
    const trustedCa = { specifier: { case: 'inlineString', value: rootPem } } as const;
    return { case: 'validationContext', value: { trustedCa, matchTypedSubjectAltNames } };
  }
  return {
    case: 'combinedValidationContext',
    value: {
      defaultValidationContext: { matchTypedSubjectAltNames },
      validationContextSdsSecretConfig: {
        name: knownRootsName,
        sdsConfig: {
          configSourceSpecifier: { case: 'pathConfigSource', value: { path: rootsFile } },
          resourceApiVersion: ApiVersion.V3,
        },
      },
    },
  };
}
