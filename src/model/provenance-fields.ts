import type { TrafficPolicy } from './destination-rule.ts';
import type { Policy } from './policy.ts';
import type { SourceRange } from './provenance.ts';
import type { PeerAuthenticationSpec } from './security-policy.ts';
import { sidecarPaths } from './sidecar-fields.ts';

/*
 * Envoy carries who decided a field, the control plane keeps where that stands (section 4.2 of experience.md). This is the map between
 * the two: from the name of a field in `filter_metadata["weft.dev"]`, and the kind of the object that it names, to the field of the policy.
 */

/** What else the resource says that carries a reference. */
export interface FieldContext {
  /** Of the rule, `canary` of `VirtualService/shop/reviews[canary]`, or its index. */
  readonly rule?: string | undefined;
  /** Of a cluster. */
  readonly subset?: string | undefined;
  /** Of a cluster: the service's; of what stands before an application: its own. */
  readonly port?: number | undefined;
}

/** A policy as far as places need it. */
export type Placed = Pick<Policy, 'kind' | 'spec'> & {
  readonly at: SourceRange;
  readonly positions: Policy['positions'];
};

/** Where a field of a policy stands: its own place, else that of the nearest part around it that was written. */
export interface FieldPlace {
  /** The field path, `spec.http[0].timeout`. */
  readonly field: string;
  readonly at: SourceRange;
}

/** Below a traffic policy, the first that was written. */
const trafficFields: Readonly<Record<string, readonly string[]>> = {
  loadBalancer: ['loadBalancer.simple', 'loadBalancer.consistentHash', 'loadBalancer'],
  hash: ['httpHeaderName', 'httpCookie', 'useSourceIp', 'httpQueryParameterName'].map(
    (key) => `loadBalancer.consistentHash.${key}`,
  ),
  warmup: ['loadBalancer.warmup', 'loadBalancer.warmupDurationSecs'],
  locality: ['loadBalancer.localityLbSetting', 'loadBalancer.zoneAwareLbSetting'],
  connectTimeout: ['connectionPool.tcp.connectTimeout'],
  maxConnections: ['connectionPool.tcp.maxConnections'],
  maxPendingRequests: ['connectionPool.http.http1MaxPendingRequests'],
  maxRequests: ['connectionPool.http.http2MaxRequests'],
  maxRetries: ['connectionPool.http.maxRetries'],
  idleTimeout: ['connectionPool.http.idleTimeout', 'connectionPool.tcp.idleTimeout'],
  tcpIdleTimeout: ['connectionPool.tcp.idleTimeout'],
  maxRequestsPerConnection: ['connectionPool.http.maxRequestsPerConnection'],
  maxConnectionDuration: ['connectionPool.tcp.maxConnectionDuration'],
  tcpKeepalive: ['connectionPool.tcp.tcpKeepalive'],
  httpVersion: ['connectionPool.http.useClientProtocol', 'connectionPool.http.h2UpgradePolicy'],
  maxConcurrentStreams: ['connectionPool.http.maxConcurrentStreams'],
  http2Keepalive: ['connectionPool.http.http2KeepAlive'],
  outlierDetection: ['outlierDetection'],
  panicThreshold: ['outlierDetection.minHealthPercent'],
  retryBudget: ['retryBudget'],
  tls: ['tls'],
};

/** Below an HTTP rule. */
const ruleFields: Readonly<Record<string, readonly string[]>> = {
  route: [''],
  headers: ['headers', 'route'],
  authority: ['route'],
  fault: ['fault'],
  cors: ['corsPolicy'],
  statName: ['match'],
  timeout: ['timeout'],
  retries: ['retries'],
  rewrite: ['rewrite', 'headers', 'route'],
  mirrors: ['mirrors', 'mirror'],
  weights: ['route'],
  redirect: ['redirect'],
  respond: ['directResponse'],
};

const meshFields: Readonly<Record<string, readonly string[]>> = {
  connectTimeout: ['connectTimeout'],
  tcpKeepalive: ['tcpKeepalive'],
  dnsRefreshRate: ['dnsRefreshRate'],
  httpVersion: ['h2UpgradePolicy'],
  locality: ['localityLbSetting'],
  pathNormalization: ['pathNormalization.normalization', 'pathNormalization'],
  accessLog: ['accessLogFile'],
  meshParameters: ['meshMTLS'],
  unknownHosts: ['outboundTrafficPolicy.mode', 'outboundTrafficPolicy'],
  retries: ['defaultHttpRetryPolicy'],
};

/**
 * The paths at which a field that `object` decided may stand, the likeliest first; undefined: no such field is known of this kind. A field
 * that is added to the IR needs a row above (test/unit/provenance.test.ts finds those that lack one).
 */
export function fieldPaths(object: Placed, field: string, context: FieldContext): readonly string[] | undefined {
  switch (object.kind) {
    case 'VirtualService': {
      const below = ruleFields[field];
      if (below === undefined) return undefined;
      const rule = rulePath(object, context.rule);
      if (rule === undefined) return ['spec'];
      if (field === 'route' || field === 'statName') return matchPaths(object, rule, field, context.rule ?? '');
      return below.map((path) => `${rule}.${path}`);
    }
    case 'DestinationRule':
      return trafficFields[field] && levels(object, field, context);
    case 'MeshConfig': {
      const asked = field === 'httpVersion' ? authorizerAt(object.spec, context.port) : undefined;
      const traffic = (trafficFields[field] ?? []).map((path) => `defaultTrafficPolicy.${path}`);
      const all = [...(asked ?? []), ...traffic, ...(meshFields[field] ?? [])];
      return all.length === 0 ? undefined : all;
    }
    case 'PeerAuthentication':
      if (field === 'plaintext' && 'portLevelMtls' in object.spec) return [disablingField(object.spec)];
      return field === 'mtls' ? [`spec.portLevelMtls.${context.port}`, 'spec.mtls.mode'] : undefined;
    case 'RequestAuthentication':
      return [context.rule === undefined ? 'spec' : `spec.jwtRules[${context.rule}]`];
    case 'AuthorizationPolicy':
      return [context.rule === undefined ? 'spec' : `spec.rules[${context.rule}]`];
    case 'Sidecar':
      return 'ingress' in object.spec ? sidecarPaths(object.spec, field, context.port) : undefined;
    case 'HealthCheck':
    case 'Service':
    case 'ServiceEntry':
    case 'WorkloadEntry':
      return ['spec'];
    case 'WorkloadGroup':
      return [field === 'probe' ? 'spec.probe' : 'spec'];
    default:
      return object.kind satisfies never;
  }
}

/**
 * Where a PeerAuthentication says DISABLE, for the workloads of whole services: ports of theirs are none that a cluster knows, so it is the
 * mode for all of them, else the first port that has it.
 */
export function disablingField({
  mode,
  portLevelMtls,
}: Pick<PeerAuthenticationSpec, 'mode' | 'portLevelMtls'>): string {
  const [port] = Object.keys(portLevelMtls).filter((each) => portLevelMtls[Number(each)] === 'DISABLE');
  return mode === 'DISABLE' || port === undefined ? 'spec.mtls.mode' : `spec.portLevelMtls.${port}`;
}

/** A provider that speaks gRPC decides the version of HTTP at its port. */
function authorizerAt(spec: Placed['spec'], port: number | undefined): readonly string[] {
  if (!('authorizers' in spec)) return [];
  const index = (spec.authorizers ?? []).findIndex((authorizer) => authorizer.port === port);
  return index === -1 ? [] : [`extensionProviders[${index}]`];
}

/** Where the field stands that an object decided. */
export function fieldPlace(object: Placed, field: string, context: FieldContext = {}): FieldPlace {
  const paths = fieldPaths(object, field, context) ?? [''];
  const written = paths.find((path) => object.positions.has(path)) ?? paths[0] ?? '';
  return placeOfPath(object, written);
}

/** The place of a path: its own, else that of the nearest part around it that was written. */
export function placeOfPath(object: Pick<Placed, 'at' | 'positions'>, path: string): FieldPlace {
  for (let field = path; field !== ''; ) {
    const place = object.positions.get(field);
    if (place !== undefined) {
      const { writtenAs = field, ...at } = place;
      return { field: writtenAs, at };
    }
    field = field.slice(0, Math.max(0, field.lastIndexOf('.'), field.lastIndexOf('[')));
  }
  return { field: path, at: object.at };
}

/** What an HTTP rule is called: by its own name, by its index where it has none, an earlier rule has the same, or it looks like an index. */
export function httpRuleName(http: readonly { readonly name?: string }[], index: number): string {
  const name = http[index]?.name;
  const isItsOwn = name !== undefined && !/^((tls|tcp)\.)?\d+$/.test(name);
  return isItsOwn && http.findIndex((other) => other.name === name) === index ? name : String(index);
}

/** `spec.http[0]` of a rule by its name (with the match's, `canary.beta`) or index; `tcp.0`: rules about connections have no names. */
export function rulePath(object: Pick<Policy, 'kind' | 'spec'>, rule: string | undefined): string | undefined {
  if (rule === undefined) return undefined;
  if (object.kind === 'AuthorizationPolicy') return `spec.rules[${rule}]`;
  if (object.kind === 'RequestAuthentication') return `spec.jwtRules[${rule}]`;
  if (object.kind !== 'VirtualService' || !('http' in object.spec)) return undefined;
  const { http } = object.spec;
  const named = http.findIndex((_, index) => httpRuleName(http, index) === rule);
  if (named >= 0) return `spec.http[${named}]`;
  const [, layer, ofLayer] = /^(tls|tcp)\.(\d+)$/.exec(rule) ?? [];
  if (layer !== undefined) return `spec.${layer}[${ofLayer}]`;
  const ofMatch = http.findIndex(({ match }, index) =>
    match.some((each) => each.name !== undefined && `${httpRuleName(http, index)}.${each.name}` === rule),
  );
  return ofMatch < 0 ? undefined : `spec.http[${ofMatch}]`;
}

/** What each match of a rule says itself: the one that the route is called after, where it is. */
function matchPaths(object: Placed, path: string, field: string, rule: string): readonly string[] {
  const index = Number(/\d+(?=\]$)/.exec(path)?.[0]);
  const matches = 'http' in object.spec && path.startsWith('spec.http[') ? (object.spec.http[index]?.match ?? []) : [];
  const called = matches.findIndex(({ name }) => name !== undefined && rule.endsWith(`.${name}`));
  const one = called < 0 ? undefined : `${path}.match[${called}]`;
  if (field === 'route') return [one ?? path];
  return one === undefined ? matches.map((_, each) => `${path}.match[${each}].statPrefix`) : [`${one}.statPrefix`];
}

/** P24, the narrowest first. A level without the block of the field says nothing about it. */
function levels(object: Placed, field: string, { subset, port }: FieldContext): readonly string[] {
  if (object.kind !== 'DestinationRule' || !('subsets' in object.spec)) return [];
  const { trafficPolicy, subsets } = object.spec;
  const index = subset === undefined ? -1 : subsets.findIndex(({ name }) => name === subset);
  const bases = [
    ...(index < 0 ? [] : ofPolicy(`spec.subsets[${index}].trafficPolicy`, subsets[index]?.trafficPolicy, port)),
    ...ofPolicy('spec.trafficPolicy', trafficPolicy, port),
  ];
  const paths = trafficFields[field] ?? [];
  const block = paths[0]?.split('.')[0] ?? '';
  const holder = bases.find((base) => object.positions.has(`${base}.${block}`)) ?? bases[0] ?? 'spec';
  return paths.map((path) => `${holder}.${path}`);
}

function ofPolicy(path: string, policy: TrafficPolicy | undefined, port: number | undefined): readonly string[] {
  if (policy === undefined) return [];
  const entry = policy.portLevelSettings.findIndex((each) => each.port === port);
  return entry < 0 ? [path] : [`${path}.portLevelSettings[${entry}]`, path];
}
