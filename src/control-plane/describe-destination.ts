import type { DescriptionRow } from '../model/description.ts';
import { mayEject } from '../model/ejection-limit.ts';
import type { OutboundPort } from '../model/ir.ts';
import type { Destination, EndpointSet } from '../model/ir-destination.ts';
import type { Route } from '../model/ir-route.ts';
import type { Mesh } from '../model/mesh.ts';
import type { Decided } from '../model/provenance.ts';
import { endpointText } from '../model/socket-path.ts';
import { decidedFields } from '../translate/provenance-metadata.ts';
import { healthText, matchText, rowOf, valueText } from './describe-words.ts';

/** What is decided about calls to one destination: a line for each value, those that a default decided last. */
export function destinationRows(destination: Destination): readonly DescriptionRow[] {
  return sorted(valuesOf(destination)).map(({ field, one }) =>
    rowOf(`${field} ${valueText(one.value, field)}`, one.by),
  );
}

/** Of a subset, only what is not as for the whole service. */
export function subsetRows(subset: Destination, whole: Destination): readonly DescriptionRow[] {
  const known = new Set(valuesOf(whole).map(textOf));
  return sorted(valuesOf(subset).filter((value) => !known.has(textOf(value)))).map(({ field, one }) =>
    rowOf(`${field} ${valueText(one.value, field)}`, one.by),
  );
}

interface FieldValue {
  readonly field: string;
  readonly one: Decided<unknown>;
}

function valuesOf(destination: Destination): readonly FieldValue[] {
  return Object.entries(decidedFields(destination)).flatMap(([field, all]) => all.map((one) => ({ field, one })));
}

function textOf({ field, one }: FieldValue): string {
  const { text, by } = rowOf(`${field} ${valueText(one.value, field)}`, one.by);
  return `${text} ${by}`;
}

function sorted(values: readonly FieldValue[]): readonly FieldValue[] {
  const rank = ({ one }: FieldValue) => ('default' in one.by ? 1 : 0);
  return [...values].sort((a, b) => rank(a) - rank(b));
}

/** The rules of a port in the order in which they are tried, each with all that it does; not those that are told already. */
export function routeRows({ routes, connections = [] }: OutboundPort, told?: OutboundPort): readonly DescriptionRow[] {
  const known = new Set([...(told?.routes ?? []), ...(told?.connections ?? [])].map((rule) => JSON.stringify(rule)));
  const requests = routes.map((route, index) => ({
    rule: route,
    rows: [
      rowOf(`${index + 1}. ${matchText(route.match)} -> ${targetText(route)}`, route.by),
      ...detailRows(route).map(({ text, ...who }) => ({ text: `   ${text}`, ...who })),
    ],
  }));
  const opened = connections.map((route, index) => {
    const whom = route.serverNames.length === 0 ? 'any' : `server name ${route.serverNames.join(', ')}`;
    return { rule: route, rows: [rowOf(`${index + 1}. ${whom} -> ${destinationsText(route.destinations)}`, route.by)] };
  });
  return [...requests, ...opened].flatMap(({ rule, rows }) => (known.has(JSON.stringify(rule)) ? [] : rows));
}

function detailRows(route: Route): readonly DescriptionRow[] {
  const { by: _by, match: _match, name: _name, action, ...own } = route;
  const { destinations, ...ofAction } = { destinations: [], ...action };
  return [
    ...actionRows({ ...own, ofAction }),
    ...destinations.flatMap(({ destination, ...shared }) =>
      actionRows(shared, destinations.length === 1 ? '' : `to ${targetName(destination)}: `),
    ),
    ...mirrorRows(route),
  ];
}

/** What rules decide of a route, or of one of its destinations, and which defaults someone asks for there. */
function actionRows(part: object, before = ''): readonly DescriptionRow[] {
  return Object.entries(decidedFields(part))
    .filter(([field]) => field !== 'redirect' && field !== 'respond' && field !== 'mirrors')
    .flatMap(([field, all]) =>
      all
        .filter(
          ({ by, value }) => !('default' in by) || field === 'timeout' || field === 'retries' || value === undefined,
        )
        .map(({ value, by }) => rowOf(`${before}${field} ${valueText(value, field)}`, by)),
    );
}

function mirrorRows({ action }: Route): readonly DescriptionRow[] {
  if (action.kind !== 'forward') return [];
  return action.mirrors.map(({ value: { destination, percentage }, by }) =>
    rowOf(`mirrors ${percentage}% to ${targetName(destination)}`, by),
  );
}

function targetText({ action, name }: Route): string {
  switch (action.kind) {
    case 'forward':
      return destinationsText(action.destinations);
    case 'redirect':
      return `redirect (${valueText(action.redirect.value)})`;
    case 'respond':
      return `answer ${action.respond.value.status}, given by the caller's sidecar`;
    default:
      throw new TypeError(`no action of ${name satisfies string}`);
  }
}

function targetName({ name, namespace, host, port, subset }: Destination['ref']): string {
  return `${name === host ? host : `${name}.${namespace}`}:${port}${subset === undefined ? '' : ` ${subset}`}`;
}

function destinationsText(destinations: readonly WeightedTarget[]): string {
  const all = destinations.reduce((sum, { weight }) => sum + weight.value, 0);
  return destinations
    .map(({ destination, weight }) => {
      const target = targetName(destination);
      return destinations.length === 1 ? target : `${target} ${Math.round((weight.value / all) * 10_000) / 100}%`;
    })
    .join(', ');
}

type WeightedTarget = {
  readonly destination: Destination['ref'];
  readonly weight: Decided<number>;
};

/** P23: one way for all endpoints where a policy says so, else each as its mark says (P35). */
function calledBy({ security }: Destination, marked: boolean): string {
  switch (security.kind) {
    case 'plain':
      return 'plaintext';
    case 'tls':
      return 'TLS begun by the sidecar';
    case 'mesh':
      return marked || security.always ? 'mesh TLS' : 'plaintext';
    default:
      return security satisfies never;
  }
}

/** Who answers, how well, and how they are called. */
export function endpointRows(
  destination: Destination,
  { endpoints }: EndpointSet,
  live: boolean,
  workloads: Mesh['workloads'],
): readonly DescriptionRow[] {
  if (destination.discovery === 'request') return [rowOf('whatever host the request names, resolved by the caller')];
  if (destination.discovery !== 'registry')
    return destination.addresses.map(({ address, port, weight }) =>
      rowOf(`${address}:${port}, resolved by the caller (${destination.discovery}), weight ${weight}`),
    );
  if (endpoints.length === 0)
    return [rowOf(live ? 'none: requests are answered with 503 (UH)' : 'none in these files; workloads may join')];
  const rows = endpoints.map((endpoint) => {
    const { workload, address, port, healthy, weight, version, locality, meshTls } = endpoint;
    const place = locality && [locality.region, locality.zone, locality.subzone].filter(Boolean).join('/');
    const more = [
      healthText(healthy ? 'healthy' : 'unhealthy', workloads.get(workload), destination),
      calledBy(destination, meshTls),
      ...(weight === 1 ? [] : [`weight ${weight}`]),
      ...(version === undefined ? [] : [`version ${version}`]),
      ...(place === undefined || place === '' ? [] : [`in ${place}`]),
    ];
    return rowOf(`${workload} at ${endpointText(address, port)}, ${more.join(', ')}`);
  });
  return [...rows, ...ejectionRows(destination, endpoints.length)];
}

/** What the share of outlier detection comes to among so many, where that is nobody. */
function ejectionRows({ outlierDetection }: Destination, endpoints: number): readonly DescriptionRow[] {
  if (outlierDetection === undefined) return [];
  const { value, by } = outlierDetection;
  const { maxEjectionPercent: percent, consecutive5xx, consecutiveGatewayErrors, splitLocalErrors } = value;
  const isOff = consecutive5xx === 0 && consecutiveGatewayErrors === 0 && !splitLocalErrors;
  if (isOff || mayEject(endpoints, percent)) return [];
  const whom = endpoints === 1 ? 'its only endpoint' : `${endpoints} endpoints`;
  return [rowOf(`outlier detection holds out none: ${percent} % of ${whom} is less than one`, by)];
}
