import { refusedKind } from '../kind-definition.ts';
import { anyText, anything, choice, count, integer, labels, list, map, object } from '../shape-builders.ts';
import { targetRef } from './target-ref.ts';

const filter = object({ name: anyText, subFilter: object({ name: anyText }) });
const port = integer(0, 65_535);

const listener = object({
  portNumber: port,
  portName: anyText,
  name: anyText,
  listenerFilter: anyText,
  filterChain: object({
    name: anyText,
    sni: anyText,
    transportProtocol: anyText,
    applicationProtocols: anyText,
    destinationPort: count,
    filter,
  }),
});

const routeAction = choice(['ANY', 'ROUTE', 'REDIRECT', 'DIRECT_RESPONSE']);
const routeConfiguration = object({
  portNumber: port,
  portName: anyText,
  gateway: anyText,
  name: anyText,
  vhost: object({ name: anyText, domainName: anyText, route: object({ name: anyText, action: routeAction }) }),
});

const match = object(
  {
    context: choice(['ANY', 'SIDECAR_INBOUND', 'SIDECAR_OUTBOUND', 'GATEWAY', 'WAYPOINT']),
    proxy: object({ proxyVersion: anyText, metadata: map('any', anyText) }),
    listener,
    routeConfiguration,
    cluster: object({ portNumber: port, service: anyText, subset: anyText, name: anyText }),
    waypoint: object({ portNumber: integer(1, 65_535), filter, route: object({ name: anyText }) }),
  },
  { exclusive: [['listener', 'routeConfiguration', 'cluster', 'waypoint']] },
);

const configPatch = object({
  applyTo: choice([
    'LISTENER',
    'FILTER_CHAIN',
    'NETWORK_FILTER',
    'HTTP_FILTER',
    'ROUTE_CONFIGURATION',
    'VIRTUAL_HOST',
    'HTTP_ROUTE',
    'CLUSTER',
    'EXTENSION_CONFIG',
    'BOOTSTRAP',
    'LISTENER_FILTER',
  ]),
  match,
  patch: object({
    operation: choice([
      'MERGE',
      'ADD',
      'REMOVE',
      'INSERT_BEFORE',
      'INSERT_AFTER',
      'INSERT_FIRST',
      'REPLACE',
      'MERGE_AND_REPLACE_LIST',
    ]),
    // A message of Envoy.
    value: anything,
    filterClass: choice(['UNSPECIFIED', 'AUTHN', 'AUTHZ', 'STATS']),
  }),
});

/** EnvoyFilter (section 3.5), refused as a whole for now. */
export const envoyFilter = refusedKind(
  'EnvoyFilter',
  ['networking.istio.io/v1alpha3'],
  'T1',
  object(
    {
      workloadSelector: object({ labels }),
      targetRefs: list(targetRef, { max: 16 }),
      priority: integer(-(2 ** 31), 2 ** 31 - 1),
      configPatches: list(configPatch),
    },
    { exclusive: [['workloadSelector', 'targetRefs']] },
  ),
  {
    hint: 'say it in a VirtualService (headers, timeouts, retries, CORS, faults), a DestinationRule (pools, TLS, ejection), an AuthorizationPolicy or MeshConfig (access log, keepalive); remove it only where nothing depends on what it checks or changes',
  },
);
