import { ownTroubleFix } from '../../control-plane/own-trouble.ts';
import type {
  ProxyCost,
  ProxyStatus,
  Rejection,
  SyncState,
  TypeStatus,
  WithheldResource,
  XdsType,
} from '../../model/status.ts';
import { worstOf, xdsTypes } from '../../model/status.ts';
import { outReasons } from '../../model/traffic.ts';
import type { Marks } from '../marks.ts';
import type { Column } from '../output.ts';
import { outLines } from './held-out.ts';
import { ago, shortSpan, spanInWords } from './span.ts';

/** The columns of `weft proxies` (section 2.3 of experience.md); `now` in milliseconds since 1970. */
export function proxyColumns(marks: Marks, now: number): readonly Column<ProxyStatus>[] {
  return [
    { title: 'NAME', of: idOf },
    { title: 'VERSION', of: (proxy) => proxy.labels.version ?? '-' },
    { title: 'STATUS', of: (proxy) => proxy.status },
    ...xdsTypes
      .filter((type) => type !== 'VHDS' && type !== 'ECDS')
      .map((type) => ({ title: type, of: ({ types }: ProxyStatus) => mark(statusIn(types, type), marks) })),
    { title: 'REVISION', of: (proxy) => proxy.revision.serving || '-' },
    {
      title: 'ACK',
      of: (proxy) => (proxy.ackMilliseconds === undefined ? '-' : `${Math.round(proxy.ackMilliseconds)}ms`),
    },
    { title: 'ENVOY', of: (proxy) => proxy.envoyVersion || '-' },
    { title: 'VIA', of: (proxy) => proxy.replica },
    { title: 'UP', of: (proxy) => shortSpan(now - Date.parse(proxy.connectedSince)) },
    { title: 'HEALTH', of: ({ trouble }) => (trouble === undefined ? 'healthy' : 'unhealthy'), wide: true },
    { title: 'GROUP', of: ({ group }) => group ?? '-', wide: true },
    { title: 'SERVICE', of: (proxy) => proxy.service, wide: true },
    { title: 'ADDRESS', of: (proxy) => proxy.address, wide: true },
    { title: 'IDENTITY', of: (proxy) => proxy.identity, wide: true },
  ];
}

/** Virtual hosts are routes, and filters are part of their listener, whichever way they came. */
function statusIn(types: ProxyStatus['types'], type: XdsType): SyncState {
  if (type === 'LDS') return worstOf([types.LDS.status, types.ECDS.status]);
  return type === 'RDS' ? worstOf([types.RDS.status, types.VHDS.status]) : types[type].status;
}

function mark(status: SyncState, marks: Marks): string {
  switch (status) {
    case 'SYNCED':
      return marks.good;
    case 'REJECTED':
      return marks.bad;
    case 'PENDING':
    case 'STALE':
      return marks.warning;
    case '-':
      return '-';
    default:
      return status satisfies never;
  }
}

/** The details of one proxy: who it is, and each type of its configuration. */
export function proxyLines(proxy: ProxyStatus, now: number): readonly string[] {
  const { service, labels, identity, envoyVersion, address, replica, revision, connectedSince, status, trouble } =
    proxy;
  const { serving, wanted } = revision;
  const version = labels.version === undefined ? '' : ` ${labels.version}`;
  const served = serving === wanted ? serving : `${serving || 'nothing'}, wanted ${wanted}`;
  return [
    `${idOf(proxy)}  ${status}`,
    `  service   ${service}${version}`,
    `  identity  ${identity}`,
    `  envoy     ${envoyVersion || '-'} at ${address}, connected to ${replica} for ${spanInWords(now - Date.parse(connectedSince))}`,
    `  revision  ${served || '-'}`,
    ...(proxy.cost === undefined ? [] : [`  cost      ${costText(proxy.cost)}`]),
    ...(proxy.group === undefined ? [] : [`  group     ${proxy.group}`]),
    ...(trouble === undefined
      ? []
      : [`  health    unhealthy for ${spanInWords(now - Date.parse(trouble.since))}: ${trouble.reason}`]),
    ...outReasons.flatMap((why) => outLines(proxy, why).map((line) => `  ${why.padEnd(9)} ${line}`)),
    '',
  ];
}

/** WEFT0501, for all proxies that it is said of. */
export function costLines(proxies: readonly ProxyStatus[], marks: Marks): readonly string[] {
  const costly = proxies.filter(({ cost }) => cost !== undefined);
  const [first] = costly;
  if (first?.cost === undefined) return [];
  const others = costly.length > 1 ? ` and ${costly.length - 1} more` : '';
  return ['', `${marks.warning} ${idOf(first)}${others}  ${costText(first.cost)}`];
}

/** What is said of a proxy beyond its budget. */
export function costText({ clusters, bytes }: ProxyCost): string {
  const size = (bytes / 1024 / 1024).toFixed(1);
  return `receives ${clusters} clusters, ${size} MiB (WEFT0501): add a Sidecar with egress.hosts`;
}

interface TypeRow extends TypeStatus {
  readonly type: XdsType;
}

/** What `weft proxies NAME` prints for each type. */
export function typeRows({ types }: ProxyStatus): readonly TypeRow[] {
  return xdsTypes.map((type) => ({ type, ...types[type] }));
}

export function typeColumns(now: number): readonly Column<TypeRow>[] {
  const since = (iso: string | undefined) => (iso === undefined ? '-' : ago(iso, now));
  return [
    { title: 'TYPE', of: ({ type }) => type },
    { title: 'STATUS', of: ({ status }) => status },
    { title: 'RESOURCES', of: ({ resources }) => String(resources) },
    { title: 'WITHHELD', of: ({ withheld = [] }) => String(withheld.length) },
    { title: 'VERSION', of: ({ version }) => version.slice(0, 12) || '-' },
    { title: 'SENT', of: ({ sentAt }) => since(sentAt) },
    { title: 'ACKNOWLEDGED', of: ({ ackedAt }) => since(ackedAt) },
  ];
}

/** How many refusals stand under the list of all proxies before the rest is counted. */
const mostBlocks = 3;

/**
 * A refused configuration is never only a mark: Envoy's words, the line that led to it, what the proxy holds meanwhile, and what to do. What
 * one proxy refused and its equals are not offered is told once for all of these. Of many refusals the first are told, unless `all`.
 */
export function rejectionLines(
  proxies: readonly ProxyStatus[],
  marks: Marks,
  now: number,
  all = false,
): readonly string[] {
  const groups = new Map<string, { readonly type: XdsType; readonly first: ProxyStatus; readonly ids: string[] }>();
  for (const proxy of proxies) {
    for (const type of xdsTypes) {
      const { error } = proxy.types[type];
      if (error === undefined) continue;
      const { refusedBy, message, resources } = error;
      const own = refusedBy === undefined ? idOf(proxy) : '';
      const key = JSON.stringify([type, refusedBy, message, resources, own]);
      const group = groups.get(key) ?? { type, first: proxy, ids: [] };
      group.ids.push(idOf(proxy));
      groups.set(key, group);
    }
  }
  const refusals = [...groups.values()];
  const told = all ? refusals : refusals.slice(0, mostBlocks);
  const rest = refusals.slice(told.length);
  return [...told.flatMap(({ type, first, ids }) => block(first, type, ids, marks, now)), ...restLines(rest)];
}

/** Where the rest is told. */
function restLines(rest: readonly { readonly ids: readonly string[] }[]): readonly string[] {
  const [first] = rest.flatMap(({ ids }) => ids);
  if (first === undefined) return [];
  const count = `${rest.length} more refusal${rest.length === 1 ? '' : 's'}`;
  return ['', `${count}: weft proxies ${first} tells of one proxy, -o wide of all`];
}

function block(
  proxy: ProxyStatus,
  type: XdsType,
  ids: readonly string[],
  marks: Marks,
  now: number,
): readonly string[] {
  const { error, withheld = [] } = proxy.types[type];
  if (error === undefined) return [];
  const { source, resources, message, refusedBy, at } = error;
  const about = resources.length === 0 ? type : `${type} ${resources.join(', ')}`;
  const by = refusedBy === undefined ? '' : `, refused by ${refusedBy} and so withheld here`;
  const more = ids.length > 2 ? `${ids[0]} and ${ids.length - 1} more` : ids.join(', ');
  const [kind, namespace, name] = (source?.ref ?? '').split('/');
  const age = source?.committedAt === undefined ? '' : ` of ${ago(source.committedAt, now)}`;
  const field = source?.field === undefined ? '' : ` ${source.field}`;
  const place = `${source?.file}:${source?.line}  ${kind} ${namespace}/${name}${field}, ${source?.commit}${age}`;
  return [
    '',
    `${marks.bad} ${more}  ${about}${by}: ${message}`,
    source === undefined
      ? `    when   ${ago(at, now)}; no line of a policy is known to lead to it`
      : `    where  ${place}; refused ${ago(at, now)}`,
    `    state  ${kept(proxy, error, withheld)}; ${offered(error, withheld)}`,
    `    fix    ${fix(proxy, error, withheld)}`,
  ];
}

function kept({ revision }: ProxyStatus, { resources }: Rejection, withheld: readonly WithheldResource[]): string {
  const refused = withheld.filter(({ resource }) => resources.includes(resource));
  if (revision.serving !== '' && refused.length > 0 && refused.every(({ served }) => served === undefined)) {
    return `has nothing older of that, keeps the rest as of ${revision.serving}`;
  }
  if (revision.serving !== '') return `keeps what it had from ${revision.serving}`;
  return withheld.some(({ served }) => served !== undefined) ? 'keeps the version before' : 'has nothing older';
}

/** What no equal proxy is kept from is this proxy's own trouble: a port that is taken, for example. */
function isOwn({ resources }: Rejection, withheld: readonly WithheldResource[]): boolean {
  return !withheld.some(({ resource, own }) => own !== true && resources.includes(resource));
}

function offered(error: Rejection, withheld: readonly WithheldResource[]): string {
  if (isOwn(error, withheld)) return 'it is offered again when its content changes, or the proxy comes again';
  return 'nothing is offered again until the content changes';
}

function fix(proxy: ProxyStatus, error: Rejection, withheld: readonly WithheldResource[]): string {
  const { source, resources, message } = error;
  if (isOwn(error, withheld)) {
    const told = ownTroubleFix(message, resources[0] ?? '', idOf(proxy));
    return (
      told ?? `remove the cause at ${idOf(proxy)}, then weft nacks --release ${resources[0]}; or change what it refused`
    );
  }
  if (source === undefined) return 'change it by a commit, or git revert the commit that brought it';
  return `change ${source.file}:${source.line}, or git revert ${source.commit}`;
}

function idOf({ name, namespace }: ProxyStatus): string {
  return `${name}.${namespace}`;
}
