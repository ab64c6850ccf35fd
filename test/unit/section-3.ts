import { otherLines } from './section-3-others.ts';

/**
 * The field column of sections 2 and 3 of policy-surface.md, transcribed: paths below the spec, `[]` for the entries of a list, `{}` for
 * the values of a map, `{a,b}` for several fields. `deprecated` are those marked [d]; `values` are words of a field (`mode=STRICT`).
 */
export interface Line {
  readonly kind: string;
  readonly tier: 'T0' | 'T1' | 'T2';
  readonly fields: readonly string[];
  readonly deprecated?: readonly string[];
  /** Marked [x], or "refused" in words. */
  readonly refused?: readonly string[];
  readonly values?: readonly string[];
}

const vs = 'VirtualService';
const match = 'http[].match[]';

const virtualService: readonly Line[] = [
  { kind: vs, tier: 'T0', fields: ['hosts[]', 'gateways[]', 'exportTo[]'] },
  { kind: vs, tier: 'T0', fields: ['http[].name', `${match}.name`] },
  { kind: vs, tier: 'T0', fields: [`${match}.uri.{exact,prefix,regex}`, `${match}.ignoreUriCase`] },
  { kind: vs, tier: 'T0', fields: [`${match}.{method,authority,scheme}.{exact,prefix,regex}`] },
  { kind: vs, tier: 'T0', fields: [`${match}.{headers,withoutHeaders,queryParams}{}.{exact,prefix,regex}`] },
  { kind: vs, tier: 'T0', fields: [`${match}.{port,sourceLabels,sourceNamespace,gateways}`] },
  { kind: vs, tier: 'T1', fields: [`${match}.statPrefix`] },
  { kind: vs, tier: 'T0', fields: ['http[].route[].destination.{host,subset,port.number}', 'http[].route[].weight'] },
  { kind: vs, tier: 'T0', fields: ['http[].{headers,route[].headers}.{request,response}.{set{},add{},remove[]}'] },
  {
    kind: vs,
    tier: 'T0',
    fields: ['http[].redirect.{uri,authority,port,derivePort,scheme,redirectCode,prefixRewrite}'],
  },
  { kind: vs, tier: 'T0', fields: ['http[].rewrite.{uri,authority,uriRegexRewrite.{match,rewrite}}'] },
  { kind: vs, tier: 'T1', fields: ['http[].directResponse.{status,body.string,body.bytes}'] },
  { kind: vs, tier: 'T0', fields: ['http[].timeout', 'http[].retries.{attempts,perTryTimeout,retryOn}'] },
  { kind: vs, tier: 'T1', fields: ['http[].retries.{backoff,retryIgnorePreviousHosts,retryRemoteLocalities}'] },
  {
    kind: vs,
    tier: 'T0',
    fields: [
      'http[].fault.delay.{fixedDelay,percentage.value}',
      'http[].fault.abort.{httpStatus,grpcStatus,percentage.value}',
    ],
    deprecated: ['http[].fault.delay.percent'],
    refused: ['http[].fault.delay.exponentialDelay', 'http[].fault.abort.http2Error'],
  },
  {
    kind: vs,
    tier: 'T1',
    fields: [
      'http[].mirrors[].{destination.{host,subset,port.number},percentage.value}',
      'http[].{mirror.{host,subset,port.number},mirrorPercentage.value}',
    ],
    deprecated: ['http[].mirrorPercent'],
  },
  {
    kind: vs,
    tier: 'T1',
    fields: [
      'http[].corsPolicy.{allowOrigins[].{exact,prefix,regex},allowMethods[],allowHeaders[],exposeHeaders[],maxAge}',
      'http[].corsPolicy.{allowCredentials,unmatchedPreflights}',
    ],
    deprecated: ['http[].corsPolicy.allowOrigin[]'],
  },
  { kind: vs, tier: 'T2', fields: ['http[].delegate.{name,namespace}'] },
  {
    kind: vs,
    tier: 'T1',
    fields: [
      'tls[].match[].{sniHosts[],destinationSubnets[],port,sourceLabels{},sourceNamespace,gateways[]}',
      'tls[].route[].{destination.{host,subset,port.number},weight}',
    ],
  },
  {
    kind: vs,
    tier: 'T0',
    fields: [
      'tcp[].match[].{port,sourceLabels{},sourceNamespace,gateways[]}',
      'tcp[].route[].{destination.{host,subset,port.number},weight}',
    ],
  },
  { kind: vs, tier: 'T1', fields: ['tcp[].match[].destinationSubnets[]'] },
  { kind: vs, tier: 'T2', fields: ['tcp[].match[].sourceSubnet'] },
];

const dr = 'DestinationRule';

/** The blocks of a traffic policy; it stands at three places (P24). */
const blocks: readonly Omit<Line, 'kind'>[] = [
  {
    tier: 'T0',
    fields: ['loadBalancer.simple'],
    values: ['loadBalancer.simple=LEAST_REQUEST', 'loadBalancer.simple=ROUND_ROBIN', 'loadBalancer.simple=RANDOM'],
    deprecated: ['loadBalancer.simple=LEAST_CONN'],
  },
  { tier: 'T1', fields: [], values: ['loadBalancer.simple=PASSTHROUGH'] },
  {
    tier: 'T1',
    fields: [
      'loadBalancer.consistentHash.{httpHeaderName,httpCookie.{name,path,ttl,attributes[].{name,value}},useSourceIp}',
      'loadBalancer.consistentHash.{httpQueryParameterName,ringHash.minimumRingSize,maglev.tableSize}',
    ],
    deprecated: ['loadBalancer.consistentHash.minimumRingSize'],
  },
  {
    tier: 'T1',
    fields: ['loadBalancer.localityLbSetting.{enabled,distribute[].{from,to},failover[].{from,to},failoverPriority}'],
  },
  { tier: 'T1', fields: ['loadBalancer.zoneAwareLbSetting.{enabled,failover,failoverPriority,minClusterSize}'] },
  {
    tier: 'T1',
    fields: ['loadBalancer.warmup.{duration,minimumPercent,aggression}'],
    deprecated: ['loadBalancer.warmupDurationSecs'],
  },
  { tier: 'T2', fields: ['loadBalancer.backendUtilization'] },
  {
    tier: 'T0',
    fields: [
      'connectionPool.tcp.{maxConnections,connectTimeout,idleTimeout,maxConnectionDuration}',
      'connectionPool.tcp.tcpKeepalive.{probes,time,interval}',
      'connectionPool.http.{http1MaxPendingRequests,http2MaxRequests,maxRequestsPerConnection,maxRetries,idleTimeout}',
    ],
  },
  {
    tier: 'T1',
    fields: [
      'connectionPool.http.{h2UpgradePolicy,useClientProtocol,maxConcurrentStreams,http2KeepAlive.{interval,timeout}}',
    ],
  },
  {
    tier: 'T0',
    fields: [
      'outlierDetection.{consecutive5xxErrors,consecutiveGatewayErrors,splitExternalLocalOriginErrors}',
      'outlierDetection.{consecutiveLocalOriginFailures,interval,baseEjectionTime,maxEjectionPercent,minHealthPercent}',
    ],
    deprecated: ['outlierDetection.consecutiveErrors'],
  },
  { tier: 'T1', fields: ['outlierDetection.outlierDetectionHttpErrorCodes'] },
  {
    tier: 'T0',
    fields: ['tls.{mode,sni,subjectAltNames}'],
  },
  {
    tier: 'T1',
    fields: ['tls.{clientCertificate,privateKey,caCertificates,caCrl,credentialName,insecureSkipVerify}'],
  },
];

/** Outside `portLevelSettings` only. */
const ruleBlocks: readonly Omit<Line, 'kind'>[] = [
  { tier: 'T1', fields: ['retryBudget.{percent,minRetryConcurrency,budgetInterval}'] },
  { tier: 'T2', fields: ['tunnel.{protocol,targetHost,targetPort}', 'proxyProtocol.version'] },
  { tier: 'T0', fields: ['portLevelSettings[].port.number'] },
];

function below(place: string, line: Omit<Line, 'kind'>): Line {
  const under = (fields: readonly string[] = []) => fields.map((field) => `${place}.${field}`);
  const { tier, fields, deprecated, values } = line;
  return { kind: dr, tier, fields: under(fields), deprecated: under(deprecated), values: under(values) };
}

const destinationRule: readonly Line[] = [
  { kind: dr, tier: 'T0', fields: ['host', 'exportTo[]', 'subsets[].{name,labels{}}'] },
  { kind: dr, tier: 'T1', fields: ['workloadSelector.matchLabels{}'] },
  ...['trafficPolicy', 'subsets[].trafficPolicy'].flatMap((place) => [
    ...[...blocks, ...ruleBlocks].map((line) => below(place, line)),
    ...blocks.map((line) => below(`${place}.portLevelSettings[]`, line)),
  ]),
];

/** Every line of sections 2, 3.1 to 3.5, and HealthCheck of section 7. */
export const lines: readonly Line[] = [...virtualService, ...destinationRule, ...otherLines];

/** `a.{b,c.{d,e}}` as `a.b`, `a.c.d`, `a.c.e`; `{}` stays, it is the values of a map. */
export function expandBraces(text: string): readonly string[] {
  const open = text.search(/\{(?!\})/);
  if (open === -1) return [text];
  const parts: string[] = [];
  let depth = 0;
  let start = open + 1;
  for (let at = open; at < text.length; at += 1) {
    const char = text[at];
    if (char === '{') depth += 1;
    if (char === '}') depth -= 1;
    if ((char === ',' && depth === 1) || (char === '}' && depth === 0)) {
      parts.push(text.slice(start, at));
      start = at + 1;
    }
    if (char === '}' && depth === 0) {
      const rest = text.slice(at + 1);
      return parts.flatMap((part) => expandBraces(`${text.slice(0, open)}${part}${rest}`));
    }
  }
  throw new Error(`a brace is open in ${text}`);
}
