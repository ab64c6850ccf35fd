import { refusedKind } from '../kind-definition.ts';
import { anything, list, names, object } from '../shape.ts';
import { matchLabels } from './common.ts';

/** Kinds of the other groups that are refused as a whole for now (sections 1.1, 3.4, 3.5, 6 and 7 of policy-surface.md). */

/** Labels and annotations only, and no body. */
export const namespace = refusedKind('Namespace', ['v1'], 'T1', object({ spec: names('finalizers') }), {
  body: 'document',
});

export const wasmPlugin = refusedKind('WasmPlugin', ['extensions.istio.io/v1alpha1'], 'T2', anything);
export const trafficExtension = refusedKind('TrafficExtension', ['extensions.istio.io/v1alpha1'], 'T2', anything);

const parentRefs = list(names('group', 'kind', 'name', 'namespace', 'port', 'sectionName'));
const backend = {
  group: anything,
  kind: anything,
  name: anything,
  namespace: anything,
  port: anything,
  weight: anything,
  filters: anything,
};
const filters = list(
  names(
    'type',
    'requestHeaderModifier',
    'responseHeaderModifier',
    'requestMirror',
    'requestRedirect',
    'urlRewrite',
    'cors',
    'externalAuth',
    'extensionRef',
  ),
);

export const httpRoute = refusedKind(
  'HTTPRoute',
  ['gateway.networking.k8s.io/v1'],
  'T1',
  object({
    parentRefs,
    hostnames: anything,
    rules: list(
      object({
        name: anything,
        matches: list(
          object({
            path: names('type', 'value'),
            headers: list(names('type', 'name', 'value')),
            queryParams: list(names('type', 'name', 'value')),
            method: anything,
          }),
        ),
        filters,
        backendRefs: list(object(backend)),
        timeouts: names('request', 'backendRequest'),
        retry: names('codes', 'attempts', 'backoff'),
        sessionPersistence: anything,
      }),
    ),
  }),
);

export const grpcRoute = refusedKind(
  'GRPCRoute',
  ['gateway.networking.k8s.io/v1'],
  'T1',
  object({
    parentRefs,
    hostnames: anything,
    rules: list(
      object({
        name: anything,
        matches: list(
          object({ method: names('type', 'service', 'method'), headers: list(names('type', 'name', 'value')) }),
        ),
        filters,
        backendRefs: list(object(backend)),
        sessionPersistence: anything,
      }),
    ),
  }),
);

export const tlsRoute = refusedKind(
  'TLSRoute',
  ['gateway.networking.k8s.io/v1', 'gateway.networking.k8s.io/v1alpha2'],
  'T2',
  anything,
);
export const tcpRoute = refusedKind('TCPRoute', ['gateway.networking.k8s.io/v1alpha2'], 'T2', anything);

const weft = ['weft.dev/v1alpha1'];

export const rateLimit = refusedKind(
  'RateLimit',
  weft,
  'T1',
  object({
    selector: matchLabels,
    port: anything,
    limits: list(
      object({
        name: anything,
        match: anything,
        key: anything,
        requests: anything,
        per: anything,
        burst: anything,
      }),
    ),
    scope: anything,
  }),
);

export const rollout = refusedKind(
  'Rollout',
  weft,
  'T1',
  object({
    waves: list(object({ name: anything, proxies: matchLabels, bake: anything, atMostPercent: anything })),
    advance: names('acked', 'serverErrorPercent'),
    onFailure: anything,
  }),
  { rootOnly: true },
);

export const policyTest = refusedKind(
  'PolicyTest',
  weft,
  'T1',
  object({ cases: list(object({ name: anything, from: anything, request: anything, expect: anything })) }),
);
