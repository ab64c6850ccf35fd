import { isIP } from 'node:net';
import type { JsonObject } from '@bufbuild/protobuf';
import { parseLocality } from '../model/locality.ts';
import type { NodeMetadata } from '../model/proxy.ts';
import { toEnvoyJson } from '../proto/canonical-json.ts';
import { BootstrapSchema } from '../proto/gen/envoy/config/bootstrap/v3/bootstrap_pb.ts';
import { ApiConfigSource_ApiType, ApiVersion } from '../proto/gen/envoy/config/core/v3/config_source_pb.ts';
import { message } from '../proto/message.ts';
import { seconds } from './bootstrap-duration.ts';
import { meshStatsConfig, metricsServiceSink } from './bootstrap-stats.ts';
import { controlPlaneCluster, controlPlaneService } from './control-plane-cluster.ts';
import { fingerprintsOf } from './known-roots.ts';
import { isOwnIdentity, type SidecarCredential } from './own-identity.ts';

/** Where the control plane listens, and the one certificate authority that may speak for it. */
export interface ControlPlaneAddress {
  /** An IP address or a DNS name. */
  readonly host: string;
  readonly port: number;
  /** The name in the control plane's certificate, `xds.weft`. */
  readonly serverName: string;
  /** PEM text of the root that the token pins. */
  readonly rootPem: string;
}

/** Where Envoy's admin endpoint listens: a unix socket (0600) unless somebody asks for a port. */
export type AdminAddress =
  | { readonly kind: 'pipe'; readonly path: string }
  | { readonly kind: 'tcp'; readonly address: string; readonly port: number };

export interface BootstrapOptions {
  /** `<name>.<namespace>`. */
  readonly nodeId: string;
  readonly metadata: NodeMetadata;
  readonly controlPlane: ControlPlaneAddress;
  /** The file that names the roots by which the control plane is known, in their place (known-roots.ts): they may change. */
  readonly rootsFile?: string;
  /** A bearer token is sent literally, so it must be base64url characters and dots (E3); a certificate is read from its folder. */
  readonly credential: SidecarCredential;
  readonly admin: AdminAddress;
  readonly stats: {
    /** How often Envoy reports its counters, in milliseconds. */
    readonly flushInterval: number;
  };
}

/**
 * The bootstrap of a sidecar in Envoy's own field names: all that stock Envoy needs to become a member of the mesh (E1 to E6, E30, E33).
 * The result contains the credential: write it only where its owner alone can read. Throws RangeError for a credential
 * that Envoy would not send as it is written, and for a node id or address that are not what the callers checked.
 */
export function createBootstrap(options: BootstrapOptions): JsonObject {
  const { credential } = options;
  if (!isOwnIdentity(credential) && !/^[A-Za-z0-9_.-]+$/.test(credential.expose()))
    throw new RangeError('the credential has characters other than base64url and dots');
  if (!/^[a-z0-9-]+\.[a-z0-9-]+$/.test(options.nodeId)) throw new RangeError(`not a node id: "${options.nodeId}"`);
  const fromAds = {
    configSourceSpecifier: { case: 'ads', value: {} },
    resourceApiVersion: ApiVersion.V3,
    // Only these two may wait for ever: without 0s Envoy calls itself ready with no configuration at all (E5).
    initialFetchTimeout: seconds(0),
  } as const;
  const bootstrap = message(BootstrapSchema, {
    node: {
      id: options.nodeId,
      cluster: options.metadata.service,
      metadata: {
        weft: metadataStruct({
          ...options.metadata,
          ...(isOwnIdentity(credential) ? { identityFolder: credential.identityFolder } : {}),
          roots: [...fingerprintsOf(options.controlPlane.rootPem)],
        }),
      },
      ...nodeLocality(options.metadata.locality),
    },
    admin: { address: adminAddress(options.admin) },
    dynamicResources: {
      adsConfig: {
        apiType: ApiConfigSource_ApiType.DELTA_GRPC,
        transportApiVersion: ApiVersion.V3,
        setNodeOnFirstMessageOnly: true,
        grpcServices: [controlPlaneService(credential)],
      },
      cdsConfig: fromAds,
      ldsConfig: fromAds,
    },
    staticResources: { clusters: [controlPlaneCluster(options.controlPlane, credential, options.rootsFile)] },
    // Envoy's own limit of 100 instructions refuses a literal of a hundred letters; policies check theirs (P12, re2.ts).
    layeredRuntime: {
      layers: [
        {
          name: 'weft',
          layerSpecifier: { case: 'staticLayer', value: { 're2.max_program_size.error_level': 32_768 } },
        },
      ],
    },
    statsConfig: meshStatsConfig(),
    statsSinks: [metricsServiceSink(credential)],
    statsFlushInterval: seconds(options.stats.flushInterval / 1000),
  });
  return toEnvoyJson(bootstrap) as JsonObject;
}

/** Envoy's own words for where it runs: its statistics and its access log know it by them. */
function nodeLocality(written: string | undefined) {
  if (written === undefined) return {};
  const { region, zone, subzone } = parseLocality(written);
  return { locality: { region, zone, subZone: subzone } };
}

/** Metadata travels as JSON: absent fields stay away instead of becoming null. */
function metadataStruct(metadata: NodeMetadata): JsonObject {
  return JSON.parse(JSON.stringify(metadata)) as JsonObject;
}

function adminAddress(admin: AdminAddress) {
  if (admin.kind === 'pipe') return { address: { case: 'pipe', value: { path: admin.path, mode: 0o600 } } } as const;
  if (isIP(admin.address) === 0) throw new RangeError(`not an IP address: "${admin.address}"`);
  const socketAddress = { address: admin.address, portSpecifier: { case: 'portValue', value: admin.port } } as const;
  return { address: { case: 'socketAddress', value: socketAddress } } as const;
}
