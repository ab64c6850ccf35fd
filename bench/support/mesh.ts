import { encode, pack } from '../../src/proto/codec.ts';
import { ClusterSchema } from '../../src/proto/gen/envoy/config/cluster/v3/cluster_pb.ts';
import { ClusterLoadAssignmentSchema } from '../../src/proto/gen/envoy/config/endpoint/v3/endpoint_pb.ts';
import { ListenerSchema } from '../../src/proto/gen/envoy/config/listener/v3/listener_pb.ts';
import { RouteConfigurationSchema } from '../../src/proto/gen/envoy/config/route/v3/route_pb.ts';
import { HttpConnectionManagerSchema } from '../../src/proto/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts';
import { UpstreamTlsContextSchema } from '../../src/proto/gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.ts';
import { clusterType, endpointType, listenerType, routeType } from './discovery-bytes.ts';
import type { ResourceText } from './protocol.ts';

/** The name of the service whose endpoints change, the first of every mesh. */
export const hot = serviceName(0);
export const routeNames = ['outbound-8080'] as const;

export function serviceName(index: number): string {
  return `service-${index}.default.example.internal:8080`;
}

export function serviceNames(count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => serviceName(index));
}

/** The endpoints of a service; `mark` changes the address of one of them. */
export function assignment(name: string, endpoints: number, mark = 0): ResourceText {
  const lbEndpoints = Array.from({ length: endpoints }, (_, index) => ({
    hostIdentifier: {
      case: 'endpoint' as const,
      value: {
        hostname: `backend-${index}.zone-a.region-1.compute.example.internal`,
        address: socketAddress(index === 7 % endpoints ? `10.1.${mark >> 8}.${mark & 255}` : `10.0.0.${index + 1}`),
      },
    },
    loadBalancingWeight: 1,
  }));
  const endpointsOfZone = [{ locality: { region: 'region-1', zone: 'zone-a' }, lbEndpoints }];
  return text(
    endpointType,
    name,
    encode(ClusterLoadAssignmentSchema, { clusterName: name, endpoints: endpointsOfZone }),
  );
}

/** Assignments of a mesh: 50 endpoints for the service that changes, so many for each other one. */
export function assignments(count: number, endpoints: number): readonly ResourceText[] {
  return serviceNames(count).map((name) => assignment(name, name === hot ? 50 : endpoints));
}

/** All that a proxy gets of a mesh: clusters, assignments of 10 endpoints, one listener, one route configuration. */
export function wholeMesh(count: number): readonly ResourceText[] {
  const names = serviceNames(count);
  return [...names.map(cluster), ...assignments(count, 10), listener(), routes(names)];
}

function cluster(name: string): ResourceText {
  const value = encode(ClusterSchema, {
    name,
    clusterDiscoveryType: { case: 'type', value: 3 },
    edsClusterConfig: { edsConfig: fromAds(), serviceName: name },
    connectTimeout: { seconds: 10n },
    perConnectionBufferLimitBytes: 32_768,
    circuitBreakers: {
      thresholds: [{ maxConnections: 1_024, maxRequests: 1_024, maxRetries: 3 }],
    },
    outlierDetection: { consecutive5xx: 5, interval: { seconds: 10n } },
    commonLbConfig: { healthyPanicThreshold: { value: 0 } },
    altStatName: name.replaceAll('.', '_'),
    transportSocket: { name: 'tls', configType: { case: 'typedConfig', value: upstreamTls(name) } },
  });
  return { ...text(clusterType, name, value), edsName: name };
}

function upstreamTls(name: string) {
  const sdsSecret = (secret: string) => ({ name: secret, sdsConfig: fromAds() });
  return pack(UpstreamTlsContextSchema, {
    sni: name,
    commonTlsContext: {
      tlsCertificateSdsSecretConfigs: [sdsSecret('spiffe://bench.example/ns/default/sa/proxy')],
      validationContextType: {
        case: 'combinedValidationContext',
        value: {
          defaultValidationContext: {
            matchTypedSubjectAltNames: [
              {
                sanType: 3,
                matcher: { matchPattern: { case: 'exact', value: `spiffe://bench.example/ns/default/sa/${name}` } },
              },
            ],
          },
          validationContextSdsSecretConfig: sdsSecret('spiffe://bench.example'),
        },
      },
    },
  });
}

function routes(names: readonly string[]): ResourceText {
  const [name] = routeNames;
  const virtualHosts = names.map((service) => ({
    name: service,
    domains: [service, service.replace(':8080', ''), service.split('.')[0] ?? service],
    routes: [
      {
        name: `${service}-default`,
        match: { pathSpecifier: { case: 'prefix' as const, value: '/' } },
        action: {
          case: 'route' as const,
          value: {
            clusterSpecifier: { case: 'cluster' as const, value: service },
            timeout: { seconds: 15n },
            retryPolicy: { retryOn: 'connect-failure,refused-stream,unavailable', numRetries: 2 },
          },
        },
      },
    ],
  }));
  return { ...text(routeType, name, encode(RouteConfigurationSchema, { name, virtualHosts })), clusters: names };
}

function listener(): ResourceText {
  const manager = pack(HttpConnectionManagerSchema, {
    statPrefix: 'outbound',
    routeSpecifier: { case: 'rds', value: { configSource: fromAds(), routeConfigName: routeNames[0] } },
  });
  const filters = [{ name: 'http', configType: { case: 'typedConfig' as const, value: manager } }];
  const value = encode(ListenerSchema, {
    name: 'outbound',
    address: socketAddress('0.0.0.0'),
    filterChains: [{ filters }],
  });
  return text(listenerType, 'outbound', value);
}

function fromAds() {
  return { resourceApiVersion: 2, configSourceSpecifier: { case: 'ads' as const, value: {} } };
}

function socketAddress(address: string) {
  return {
    address: {
      case: 'socketAddress' as const,
      value: { address, portSpecifier: { case: 'portValue' as const, value: 8080 } },
    },
  };
}

function text(typeUrl: string, name: string, value: Uint8Array): ResourceText {
  return { typeUrl, name, value: Buffer.from(value).toString('base64') };
}
