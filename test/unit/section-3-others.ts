import type { Line } from './section-3.ts';

const gateway: readonly Line[] = [
  {
    kind: 'Gateway',
    tier: 'T1',
    fields: [
      'selector',
      'servers[].{port.{number,protocol,name},bind,name,hosts,tls.{mode,httpsRedirect}}',
      'servers[].tls.{credentialName,credentialNames,caCertCredentialName,serverCertificate,privateKey,caCertificates,caCrl}',
      'servers[].tls.{tlsCertificates,subjectAltNames,verifyCertificateSpki,verifyCertificateHash,minProtocolVersion}',
      'servers[].tls.{maxProtocolVersion,cipherSuites,insecureSkipVerify}',
      // [d] and [x] of a kind that is refused as a whole.
      'servers[].{port.targetPort,defaultEndpoint}',
    ],
  },
  { kind: 'Gateway', tier: 'T2', fields: ['servers[].tls.ecdhCurves'] },
];

const sidecar: readonly Line[] = [
  { kind: 'Sidecar', tier: 'T0', fields: ['workloadSelector.labels{}', 'egress[].hosts'] },
  { kind: 'Sidecar', tier: 'T0', fields: ['egress[].{port.{number,protocol,name},bind,captureMode}'] },
  { kind: 'Sidecar', tier: 'T0', fields: ['ingress[].{port.{number,protocol,name},bind,captureMode,defaultEndpoint}'] },
  { kind: 'Sidecar', tier: 'T1', fields: ['ingress[].connectionPool', 'inboundConnectionPool'] },
  { kind: 'Sidecar', tier: 'T2', fields: ['ingress[].tls'] },
  { kind: 'Sidecar', tier: 'T0', fields: ['outboundTrafficPolicy.mode'] },
  { kind: 'Sidecar', tier: 'T2', fields: ['outboundTrafficPolicy.egressProxy'] },
];

const authz = 'AuthorizationPolicy';
const source = 'rules[].from[].source';
const operation = 'rules[].to[].operation';

const security: readonly Line[] = [
  { kind: 'PeerAuthentication', tier: 'T0', fields: ['selector.matchLabels{}', 'mtls.mode', 'portLevelMtls{}.mode'] },
  {
    kind: 'RequestAuthentication',
    tier: 'T1',
    fields: [
      'selector.matchLabels{}',
      'jwtRules[].{issuer,audiences,jwks,jwksUri,fromHeaders[].{name,prefix},fromParams,fromCookies,forwardOriginalToken}',
      'jwtRules[].{outputPayloadToHeader,outputClaimToHeaders[].{header,claim},timeout,spaceDelimitedClaims}',
    ],
  },
  { kind: 'RequestAuthentication', tier: 'T2', fields: ['jwtRules[].presence', 'targetRef', 'targetRefs'] },
  {
    kind: authz,
    tier: 'T0',
    fields: ['selector.matchLabels{}', 'action'],
    values: ['action=ALLOW', 'action=DENY'],
  },
  { kind: authz, tier: 'T1', fields: ['provider.name'], values: ['action=AUDIT', 'action=CUSTOM'] },
  {
    kind: authz,
    tier: 'T0',
    fields: [
      `${source}.{principals,namespaces,serviceAccounts,trustDomains,ipBlocks,remoteIpBlocks}`,
      `${source}.{notPrincipals,notNamespaces,notServiceAccounts,notTrustDomains,notIpBlocks,notRemoteIpBlocks}`,
      `${operation}.{hosts,methods,paths,ports,notHosts,notMethods,notPaths,notPorts}`,
      'rules[].when[].{key,values,notValues}',
    ],
  },
  { kind: authz, tier: 'T1', fields: [`${source}.{requestPrincipals,notRequestPrincipals}`] },
  { kind: authz, tier: 'T2', fields: ['targetRef', 'targetRefs'] },
];

const telemetry: readonly Line[] = [
  {
    kind: 'Telemetry',
    tier: 'T0',
    fields: ['selector.matchLabels{}', 'accessLogging[].{match.mode,providers[].name,disabled}'],
  },
  { kind: 'Telemetry', tier: 'T1', fields: ['accessLogging[].filter.expression'] },
  { kind: 'Telemetry', tier: 'T0', fields: ['metrics[].providers[].name'] },
  {
    kind: 'Telemetry',
    tier: 'T1',
    fields: ['metrics[].{overrides[].{match,disabled,tagOverrides},reportingInterval}'],
  },
  {
    kind: 'Telemetry',
    tier: 'T1',
    fields: [
      'tracing[].{match.mode,providers[].name,randomSamplingPercentage,disableSpanReporting,customTags}',
      'tracing[].{useRequestIdForTraceSampling,enableIstioTags,disableContextPropagation}',
    ],
  },
  { kind: 'Telemetry', tier: 'T2', fields: ['targetRef', 'targetRefs'] },
  {
    kind: 'ProxyConfig',
    tier: 'T2',
    fields: ['selector.matchLabels{}', 'concurrency', 'environmentVariables', 'image.imageType'],
  },
];

const mesh = 'MeshConfig';

const meshConfig: readonly Line[] = [
  {
    kind: mesh,
    tier: 'T0',
    fields: [
      'trustDomain',
      'trustDomainAliases',
      'rootNamespace',
      'enableAutoMtls',
      'outboundTrafficPolicy.mode',
      'connectTimeout',
      'tcpKeepalive.{probes,time,interval}',
      'defaultHttpRetryPolicy',
      'default{Service,VirtualService,DestinationRule}ExportTo',
      'pathNormalization.normalization',
      'accessLogFile',
      'accessLogFormat',
      'accessLogEncoding',
      'proxyListenPort',
      'proxyInboundListenPort',
    ],
  },
  {
    kind: mesh,
    tier: 'T1',
    fields: [
      'meshMTLS',
      'tlsDefaults',
      'caCertificates',
      'localityLbSetting',
      'defaultTrafficPolicy',
      'extensionProviders',
      'defaultProviders',
      'dnsRefreshRate',
      'h2UpgradePolicy',
      'defaultConfig.{gatewayTopology,proxyStatsMatcher,connectionSettings,drainDuration,terminationDrainDuration}',
    ],
  },
  {
    kind: mesh,
    tier: 'T2',
    fields: [
      'inboundTrafficPolicy',
      'outboundClusterStatName',
      'inboundClusterStatName',
      'zoneAwareLbSetting',
      'serviceEntryVisibility',
    ],
  },
  {
    kind: mesh,
    tier: 'T2',
    fields: [],
    refused: [
      'ingressClass',
      'ingressService',
      'ingressControllerMode',
      'ingressSelector',
      'discoverySelectors',
      'configSources',
    ],
  },
];

const patch = 'configPatches[]';

const envoyFilter: readonly Line[] = [
  {
    kind: 'EnvoyFilter',
    tier: 'T1',
    fields: [
      'workloadSelector.labels{}',
      'priority',
      `${patch}.applyTo`,
      `${patch}.match.{context,proxy.{proxyVersion,metadata}}`,
      `${patch}.match.listener.{portNumber,portName,name,listenerFilter,filterChain}`,
      `${patch}.match.routeConfiguration.{portNumber,portName,gateway,name,vhost}`,
      `${patch}.match.cluster.{portNumber,service,subset,name}`,
      `${patch}.patch.{operation,value,filterClass}`,
    ],
    // Refused in words; the whole kind is, for now.
    refused: ['targetRefs', `${patch}.match.waypoint`],
  },
];

const registry: readonly Line[] = [
  { kind: 'Service', tier: 'T0', fields: ['selector{}', 'ports[].{name,port,targetPort,protocol,appProtocol}'] },
  { kind: 'Service', tier: 'T1', fields: ['clusterIP'] },
  {
    kind: 'Service',
    tier: 'T2',
    fields: ['externalName', 'publishNotReadyAddresses', 'trafficDistribution'],
    values: ['type=ExternalName'],
  },
  {
    kind: 'ServiceEntry',
    tier: 'T0',
    fields: [
      'hosts[]',
      'addresses[]',
      'ports[].{number,name,protocol,targetPort}',
      'location',
      'resolution',
      'endpoints[].{address,ports{},labels{},serviceAccount,locality,weight}',
      'workloadSelector.labels{}',
      'exportTo[]',
      'subjectAltNames[]',
    ],
    values: [
      'location=MESH_EXTERNAL',
      'location=MESH_INTERNAL',
      'resolution=NONE',
      'resolution=STATIC',
      'resolution=DNS',
      'resolution=DNS_ROUND_ROBIN',
    ],
  },
  { kind: 'ServiceEntry', tier: 'T1', fields: [], values: ['resolution=DYNAMIC_DNS'] },
  { kind: 'ServiceEntry', tier: 'T2', fields: ['endpoints[].network'] },
  { kind: 'WorkloadEntry', tier: 'T0', fields: ['{address,ports{},labels{},serviceAccount,locality,weight}'] },
  { kind: 'WorkloadEntry', tier: 'T2', fields: ['network'] },
  {
    kind: 'WorkloadGroup',
    tier: 'T0',
    fields: [
      'metadata.{labels,annotations}',
      'template.{address,ports{},labels{},serviceAccount,locality,weight}',
      'probe.{httpGet.{path,port,host,scheme,httpHeaders},tcpSocket.{host,port},grpc.{port,service}}',
      'probe.{initialDelaySeconds,timeoutSeconds,periodSeconds,successThreshold,failureThreshold}',
    ],
  },
  { kind: 'WorkloadGroup', tier: 'T1', fields: ['probe.exec.command'] },
  { kind: 'WorkloadGroup', tier: 'T2', fields: ['template.network'] },
];

const own: readonly Line[] = [
  {
    kind: 'HealthCheck',
    tier: 'T0',
    fields: [
      'host',
      'port',
      'interval',
      'timeout',
      'unhealthyAfter',
      'healthyAfter',
      '{http.{path,expect},grpc.service,tcp}',
    ],
  },
];

/** Sections 2, 3.3 to 3.5, and HealthCheck of section 7. */
export const otherLines: readonly Line[] = [
  ...registry,
  ...gateway,
  ...sidecar,
  ...security,
  ...telemetry,
  ...meshConfig,
  ...envoyFilter,
  ...own,
];
