import { isIP } from 'node:net';
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { ProbeDecision } from '../model/ir-probe.ts';
import type { Decided } from '../model/provenance.ts';
import { pack } from '../proto/codec.ts';
import { type Cluster, Cluster_DiscoveryType, ClusterSchema } from '../proto/gen/envoy/config/cluster/v3/cluster_pb.ts';
import type { HealthCheckSchema } from '../proto/gen/envoy/config/core/v3/health_check_pb.ts';
import { UpstreamTlsContextSchema } from '../proto/gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.ts';
import { message } from '../proto/message.ts';
import type { Resource } from '../xds/resource.ts';
import { durationOf } from './duration.ts';
import { envoyResource } from './envoy-resource.ts';
import { fixedAssignment } from './load-assignment.ts';
import { probeName } from './names.ts';
import { provenanceMetadata } from './provenance-metadata.ts';
import { upstreamHttpOptions, upstreamHttpOptionsName } from './upstream-http-options.ts';

/** What a proxy tests of its own application, as a cluster that no route leads to: Envoy tells its health among its statistics. */
export function translateProbe(probe: Decided<ProbeDecision> | undefined): readonly Resource[] {
  return probe === undefined ? [] : [envoyResource(ClusterSchema, probeName, probeCluster(probe))];
}

/** No time of Envoy's own is longer; what is more is as good as never. */
const longest = 2 ** 31 - 1;

function probeCluster(probe: Decided<ProbeDecision>): Cluster {
  const { check, period, timeout, successThreshold, failureThreshold, applicationAddress } = probe.value;
  const host = (check.kind === 'grpc' ? undefined : check.host) ?? applicationAddress;
  const interval = durationOf(Math.min(period, longest));
  const metadata = provenanceMetadata({ probe });
  return message(ClusterSchema, {
    name: probeName,
    clusterDiscoveryType: {
      case: 'type',
      value: isIP(host) === 0 ? Cluster_DiscoveryType.STRICT_DNS : Cluster_DiscoveryType.STATIC,
    },
    connectTimeout: durationOf(Math.min(timeout, longest)),
    loadAssignment: fixedAssignment(probeName, [{ address: host, port: check.port, weight: 1 }]),
    healthChecks: [
      {
        name: probeName,
        interval,
        // Nobody calls this cluster.
        noTrafficInterval: interval,
        timeout: durationOf(Math.min(timeout, longest)),
        healthyThreshold: successThreshold,
        unhealthyThreshold: failureThreshold,
        reuseConnection: false,
        healthChecker: checker(check, host),
      },
    ],
    ...(check.kind === 'grpc'
      ? { typedExtensionProtocolOptions: { [upstreamHttpOptionsName]: upstreamHttpOptions({}, { version: 'http2' }) } }
      : {}),
    ...(check.kind === 'http' && check.scheme === 'https' ? { transportSocket: unverifiedTls(host) } : {}),
    ...(metadata === undefined ? {} : { metadata }),
  });
}

function checker(
  check: ProbeDecision['check'],
  host: string,
): NonNullable<MessageInitShape<typeof HealthCheckSchema>['healthChecker']> {
  switch (check.kind) {
    case 'http': {
      const isHost = ({ name }: { readonly name: string }) => name.toLowerCase() === 'host';
      const written = check.headers.find(isHost)?.value;
      return {
        case: 'httpHealthCheck',
        value: {
          host: written || (host.includes(':') ? `[${host}]:${check.port}` : `${host}:${check.port}`),
          path: check.path,
          requestHeadersToAdd: check.headers
            .filter((header) => !isHost(header))
            // Literal, as `weft run` sends it; to Envoy a percent sign begins a command.
            .map(({ name, value }) => ({ header: { key: name, value: value.replaceAll('%', '%%') } })),
          expectedStatuses: [{ start: 200n, end: 400n }],
          // Else one answer of another status would do, whatever the threshold is; what is expected goes before.
          retriableStatuses: [{ start: 100n, end: 600n }],
        },
      };
    }
    case 'grpc':
      return {
        case: 'grpcHealthCheck',
        value: check.service === '' ? {} : { serviceName: check.service },
      };
    case 'tcp':
      return { case: 'tcpHealthCheck', value: {} };
    default:
      return check satisfies never;
  }
}

/** Without validation, as `weft run` probes: the program stands on this machine. */
function unverifiedTls(host: string) {
  const sni = isIP(host) === 0 ? { sni: host } : {};
  return {
    name: 'tls',
    configType: {
      case: 'typedConfig',
      value: pack(UpstreamTlsContextSchema, message(UpstreamTlsContextSchema, { ...sni, commonTlsContext: {} })),
    },
  } as const;
}
