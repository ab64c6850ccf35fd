import type { Column } from '../output.ts';
import type { DumpedResource } from './config-dump.ts';
import { addressText, at, everywhere, field, items, type Json, textOf } from './dump-value.ts';
import type { ProvenancePlaces } from './provenance-places.ts';
import type { RouteRow } from './route-rows.ts';

export const routeColumns: readonly Column<RouteRow>[] = [
  { title: 'HOST', of: (row) => row.host },
  { title: 'MATCH', of: (row) => row.match },
  { title: 'CLUSTER', of: (row) => row.cluster },
  { title: 'WEIGHT', of: (row) => row.weight },
  { title: 'FROM', of: (row) => row.from },
  { title: 'LISTENER', of: (row) => row.listener, wide: true },
  { title: 'CONFIGURATION', of: (row) => row.configuration, wide: true },
];

export const listenerColumns = (places: ProvenancePlaces): readonly Column<DumpedResource>[] => [
  { title: 'NAME', of: ({ name }) => name },
  { title: 'ADDRESS', of: ({ resource }) => addressText(field(resource, 'address')) || '-' },
  { title: 'CHAINS', of: ({ resource }) => String(items(field(resource, 'filter_chains')).length) },
  {
    title: 'ROUTES',
    of: ({ resource }) => {
      const names = everywhere(resource, 'route_config_name').map(textOf);
      return [...new Set(names)].join(',') || '-';
    },
  },
  { title: 'FROM', of: ({ name }) => places.ofResource(name) },
  { title: 'FIELDS', of: ({ name }) => places.fieldsOf(name), wide: true },
  { title: 'VERSION', of: ({ version }) => version || '-', wide: true },
];

export const clusterColumns = (places: ProvenancePlaces): readonly Column<DumpedResource>[] => [
  { title: 'NAME', of: ({ name }) => name },
  { title: 'TYPE', of: ({ resource }) => clusterType(resource) },
  { title: 'MTLS', of: ({ resource }) => tlsWord(resource) },
  { title: 'CONNECT-TIMEOUT', of: ({ resource }) => textOf(field(resource, 'connect_timeout')) || '-' },
  { title: 'ACCEPTS', of: ({ resource }) => sans(resource).join(',') || '-', wide: true },
  { title: 'FROM', of: ({ name }) => places.ofResource(name) },
  { title: 'FIELDS', of: ({ name }) => places.fieldsOf(name), wide: true },
  { title: 'VERSION', of: ({ version }) => version || '-', wide: true },
];

export interface EndpointLine {
  readonly cluster: string;
  readonly address: string;
  readonly health: string;
  readonly weight: string;
  /** 0 is called first; the others as those before fail. */
  readonly priority: string;
  readonly locality: string;
  /** The weight of the locality, where it counts. */
  readonly share: string;
}

export const endpointColumns: readonly Column<EndpointLine>[] = [
  { title: 'CLUSTER', of: (row) => row.cluster },
  { title: 'ADDRESS', of: (row) => row.address },
  { title: 'HEALTH', of: (row) => row.health },
  { title: 'WEIGHT', of: (row) => row.weight },
  { title: 'PRIORITY', of: (row) => row.priority, wide: true },
  { title: 'LOCALITY', of: (row) => row.locality, wide: true },
  { title: 'SHARE', of: (row) => row.share, wide: true },
];

/** The endpoints of each cluster, one line each; a cluster without any has a line that says so. */
export function endpointLines(assignments: readonly DumpedResource[]): readonly EndpointLine[] {
  return assignments.flatMap(({ name: cluster, resource }) => {
    const lines = items(field(resource, 'endpoints')).flatMap((group) => {
      const locality = ['region', 'zone', 'sub_zone'].map((part) => textOf(at(group, 'locality', part)));
      return items(field(group, 'lb_endpoints')).map((endpoint) => ({
        cluster,
        address: addressText(at(endpoint, 'endpoint', 'address')),
        health: textOf(field(endpoint, 'health_status')) || 'UNKNOWN',
        weight: textOf(field(endpoint, 'load_balancing_weight')) || '1',
        priority: textOf(field(group, 'priority')) || '0',
        locality: locality.filter((part) => part !== '').join('/') || '-',
        share: textOf(field(group, 'load_balancing_weight')) || '-',
      }));
    });
    const none = { address: '-', health: 'no endpoint', weight: '-', priority: '-', locality: '-', share: '-' };
    return lines.length > 0 ? lines : [{ cluster, ...none }];
  });
}

export const secretColumns: readonly Column<DumpedResource>[] = [
  { title: 'NAME', of: ({ name }) => name },
  { title: 'KIND', of: ({ resource }) => secretKind(resource) },
  { title: 'VERSION', of: ({ version }) => version || '-' },
];

function secretKind(secret: Json): string {
  if (field(secret, 'validation_context') !== undefined) return 'trust bundle';
  if (field(secret, 'tls_certificate') !== undefined) return 'certificate and key';
  return 'secret';
}

function clusterType(cluster: Json): string {
  const custom = textOf(at(cluster, 'cluster_type', 'name'));
  return custom || textOf(field(cluster, 'type')) || 'STATIC';
}

/** `yes`: with the sidecar's own identity; `TLS`: the sidecar begins it in place of the program (P48), which is no mesh TLS. */
function tlsWord(cluster: Json): string {
  const shown = everywhere(cluster, 'tls_certificate_sds_secret_configs').flatMap(items);
  if (shown.some((secret) => ownIdentities.has(textOf(field(secret, 'name'))))) return 'yes';
  return everywhere(cluster, 'common_tls_context').length > 0 ? 'TLS' : '-';
}

/** To others of the mesh, and to the control plane. */
const ownIdentities: ReadonlySet<string> = new Set(['identity', 'control-plane']);

/** The URIs that a cluster accepts of its peers. */
function sans(cluster: Json): readonly string[] {
  const matchers = everywhere(cluster, 'match_typed_subject_alt_names').flatMap(items);
  return [...new Set(matchers.map((matcher) => textOf(at(matcher, 'matcher', 'exact'))).filter((san) => san !== ''))];
}
