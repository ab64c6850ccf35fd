import { anything, list, names, object, refused, refusedFields, row } from '../shape-builders.ts';

/** `defaultConfig`: what Istio's agent beside each proxy starts with. */
const proxyDefaults = object({
  // Callers behind balancers are known by headers then.
  gatewayTopology: refused('T1', anything, {
    hint: 'remove it; remote.ip and remoteIpBlocks are the nearest address then, which may be that of a load balancer',
  }),
  ...refusedFields('T1', ['proxyStatsMatcher']),
  // What it says of paths keeps rules from being walked around.
  connectionSettings: refused('T1', anything, {
    hint: 'remove it; pathNormalization says how paths are read, connectionPool of DestinationRules and Sidecars has times and limits',
  }),
  // Both are decided where a sidecar starts and stops, before and after it knows the mesh (D27).
  drainDuration: refused('T1', anything, {
    hint: 'remove it: 45s holds; for one sidecar write weft run ... -- --drain-time-s 60',
  }),
  terminationDrainDuration: refused('T1', anything, {
    hint: 'remove it: a sidecar that stops waits until no request is running, 30s at most',
  }),
  ...refusedFields('never', [
    'discoveryAddress',
    'concurrency',
    'tracing',
    'holdApplicationUntilProxyStarts',
    'proxyMetadata',
    'image',
    'extraStatTags',
    'configPath',
    'binaryPath',
    'serviceCluster',
    'parentShutdownDuration',
    'discoveryRefreshDelay',
    'zipkinAddress',
    'statsdUdpAddress',
    'envoyMetricsServiceAddress',
    'proxyAdminPort',
    'availabilityZone',
    'controlPlaneAuthPolicy',
    'customConfigFile',
    'statNameLength',
    'proxyBootstrapTemplatePath',
    'interceptionMode',
    'sds',
    'envoyAccessLogService',
    'envoyMetricsService',
    'runtimeValues',
    'statusPort',
    'meshId',
    'readinessProbe',
    'caCertificatesPem',
    'privateKeyProvider',
    'proxyHeaders',
    'fileFlushInterval',
    'fileFlushMinSizeKb',
    'statsCompression',
  ]),
});

/** Fields of MeshConfig that Istio knows and Weft refuses by name, with their tier (section 3.5). */
export const refusedMeshConfig = {
  defaultProviders: refused('T1', names('tracing', 'metrics', 'accessLogging')),
  defaultConfig: proxyDefaults,
  // Whoever signs for a root that is believed may be anybody of the mesh: that is no matter of a commit (docs/decisions/59).
  caCertificates: refused(
    'T1',
    list(object({ pem: anything, spiffeBundleUrl: anything, certSigners: anything, trustDomains: anything })),
    {
      hint: 'remove it: peers are believed by the roots of this control plane alone; ca.root in weft.yaml brings one from outside, and weft cert rotate --root changes over',
    },
  ),
  zoneAwareLbSetting: refused('T2', names('enabled', 'minClusterSize', 'failover', 'failoverPriority')),
  inboundTrafficPolicy: refused('T2', names('mode')),
  defaultInboundHttpRetryPolicy: refused(
    'T2',
    names('attempts', 'perTryTimeout', 'retryOn', 'retryRemoteLocalities', 'retryIgnorePreviousHosts', 'backoff'),
  ),
  // Where nothing is redirected every port has its own inbound listener.
  proxyInboundListenPort: row(
    refused('T2', anything, {
      hint: 'remove it; each port has an inbound listener of its own (weft run --inbound-port)',
    }),
    'T0',
    'inbound listener of redirected connections',
  ),
  ...refusedFields('T2', ['outboundClusterStatName', 'inboundClusterStatName']),
  serviceEntryVisibility: refused('T2', anything, {
    hint: 'write exportTo in the ServiceEntries that not all may see',
  }),
  proxyHttpPort: refused('never', anything, {
    hint: 'remove it: HTTP_PROXY is served at 15001; for one sidecar write weft run --outbound-port',
  }),
  // Of Istio in Kubernetes only, or of its agent.
  ca: refused('never', names('address', 'tlsSettings', 'requestTimeout', 'istiodSide')),
  serviceScopeConfigs: refused('never'),
  ...refusedFields('never', [
    'ingressClass',
    'ingressService',
    'ingressControllerMode',
    'ingressSelector',
    'enableTracing',
    'disableEnvoyListenerLog',
    'enableEnvoyAccessLogService',
    'enablePrometheusMerge',
    'discoverySelectors',
    'configSources',
    'serviceSettings',
    'certificates',
    'protocolDetectionTimeout',
    'verifyCertificateAtClient',
    'hboneIdleTimeout',
  ]),
};
