import { actsOn } from '../admin/mesh-values.ts';
import type { Description, DescriptionRow } from '../model/description.ts';
import type { OutboundService } from '../model/ir.ts';
import type { Mesh } from '../model/mesh.ts';
import type { Policy } from '../model/policy.ts';
import { type Decided, type DecidedBy, refText } from '../model/provenance.ts';
import type { Service } from '../model/service.ts';
import type { Workload } from '../model/workload.ts';
import { resolveInbound } from '../resolve/inbound.ts';
import { scopeKey } from '../resolve/scope.ts';
import { resolveView } from '../resolve/view.ts';
import { type ActingFor, actingFor, isTakenOver } from './acting-for.ts';
import { type Describable, findingsOf, section } from './describable.ts';
import { rowOf, valueText } from './describe-words.ts';
import { failingRows } from './failing-rows.ts';

/** So many services or workloads are listed of those that an object acts on. */
const most = 50;
const nobody: ActingFor = { itself: [], instead: new Map() };

/** An object: what it acts on, and every value that some proxy has because of it. */
export function describePolicy(known: Describable, policy: Policy): Description {
  const { mesh, diagnostics, live } = known;
  const { kind, namespace, name, at, commit } = policy;
  const named = mesh.services.filter((service) => {
    const ids = [...(mesh.endpoints.get(service.key)?.values() ?? [])].flat().map(({ workload }) => workload);
    return actsOn(
      mesh,
      policy,
      service,
      [...new Set(ids)].flatMap((id) => mesh.workloads.get(id) ?? []),
    );
  });
  const acting = new Map(named.map((service) => [service, actingFor(mesh, policy, service)]));
  const services = named.filter((service) => !isTakenOver(acting.get(service)));
  const decided = [
    ...outboundRows(known, policy, new Set(services.map(({ key }) => key))),
    ...inboundRows(known, policy),
  ];
  const listed = services.slice(0, most).map((service) => {
    const { itself = [], instead } = acting.get(service) ?? {};
    return rowOf(instead?.size ? `${service.host}, for callers of ${itself.join(', ')}` : service.host, service.by);
  });
  const rest = services.length > most ? [rowOf(`and ${services.length - most} more services`)] : [];
  return {
    subject: `${kind} ${namespace}/${name}`,
    sections: [
      ...section('object', [{ text: `commit ${commit}`, by: `${at.file}:${at.line}` }]),
      ...section('declares', declaredRows(mesh, policy)),
      ...section('acts on', [...listed, ...rest]),
      ...section('others act instead', insteadRows(acting)),
      ...section(
        'decides',
        decided.length > 0 || isDeclaration(policy)
          ? once(decided)
          : [rowOf(`nothing: no ${live ? 'connected ' : ''}proxy has a value because of it`)],
      ),
      ...section(
        'fails',
        [...mesh.workloads.keys()].flatMap((id) => failingRows(known, known.proxyOf(id), policy)),
      ),
      ...findingsOf(diagnostics, new Set([refText(policy)])),
    ],
  };
}

/** Whether an object says what there is, not what becomes of calls. */
function isDeclaration({ kind }: Policy): boolean {
  return kind === 'Service' || kind === 'ServiceEntry' || kind === 'WorkloadEntry' || kind === 'WorkloadGroup';
}

/** The services and workloads that an object makes; a group makes nobody, and says who those are that join it. */
function declaredRows({ services, workloads }: Mesh, policy: Policy): readonly DescriptionRow[] {
  if (!isDeclaration(policy)) return [];
  const declares = (by: DecidedBy | undefined) => by !== undefined && isOf(by, policy);
  const called = services
    .filter(({ by }) => declares(by))
    .map(({ host, ports, by }) => {
      const each = ports.map(({ number, protocol }) => `${number} ${protocol}`);
      return rowOf(`service ${host}, ports ${each.join(', ') || 'none'}`, by);
    });
  const isMember = ({ namespace, group }: Workload) =>
    policy.kind === 'WorkloadGroup' && namespace === policy.namespace && group?.name === policy.name;
  const running = [...workloads.values()]
    .filter((workload) => declares(workload.by) || isMember(workload))
    .map(({ id, address, by }) => rowOf(`workload ${id} at ${address}`, by));
  return [...called, ...running];
}

/** Of services that it names, too: a nearer host, or a nearer namespace, goes before it (P9, P20). */
function insteadRows(acting: ReadonlyMap<Service, ActingFor | undefined>): readonly DescriptionRow[] {
  const rows = [...acting].flatMap(([{ host }, { itself, instead } = nobody]) =>
    [...instead].map(([other, whom]) => {
      const part = itself.length === 0 ? '' : ` for callers of ${whom.join(', ')}`;
      return { text: `${host}: ${refText(other)}${part}`, by: `${other.at.file}:${other.at.line}` };
    }),
  );
  return rows.length > most ? [...rows.slice(0, most), rowOf(`and ${rows.length - most} more`)] : rows;
}

/** Of the views that proxies share, what this object decided there: about services, and about calls as a whole. */
function outboundRows(
  { mesh, scopes }: Describable,
  policy: Policy,
  keys: ReadonlySet<string>,
): readonly DescriptionRow[] {
  return scopes.flatMap((scope) => {
    const view = resolveView(mesh, scope);
    const services = view.services.filter(({ service }) => keys.has(service));
    const ofServices = services.flatMap((service) => serviceRows(service, policy));
    const { services: _services, listeners = [], ...rest } = view;
    const ofAll = decisions(rest, policy).map(({ field, one }) => rowText('calls', field, one));
    const listening = decisions(
      listeners.map(({ at }) => ({ listener: at })),
      policy,
    ).map(({ field, one }) => rowText('calls', field, one));
    return [...ofServices, ...ofAll, ...listening].map((row) => ({
      ...row,
      text: `${scopeKey(scope)} -> ${row.text}`,
    }));
  });
}

function serviceRows({ host, ports }: OutboundService, policy: Policy): readonly DescriptionRow[] {
  return ports.flatMap(({ port, routes, connections = [], destinations }) => [
    ...[...routes, ...connections].flatMap((route) => [
      ...(isOf(route.by, policy) ? [rowOf(`${host}:${port} rule ${route.name.replace(/^[^[]*/, '')}`, route.by)] : []),
      ...decisions(route, policy).map(({ field, one }) => rowText(`${host}:${port}`, field, one)),
    ]),
    ...destinations.flatMap((destination) => {
      const { subset } = destination.ref;
      const where = `${host}:${port}${subset === undefined ? '' : ` ${subset}`}`;
      return decisions(destination, policy).map(({ field, one }) => rowText(where, field, one));
    }),
  ]);
}

function inboundRows({ mesh, proxyOf }: Describable, policy: Policy): readonly DescriptionRow[] {
  return [...mesh.workloads.keys()].flatMap((id) => {
    const proxy = proxyOf(id);
    const ports = proxy === undefined ? [] : resolveInbound(mesh, proxy);
    return ports.flatMap((inbound) => {
      const { deny, allow = [], audit = [], custom, dryRun } = inbound.authorization;
      const rules = [
        ...deny.map((rule) => ({ rule, word: 'refuses' })),
        ...allow.map((rule) => ({ rule, word: 'allows' })),
        ...audit.map((rule) => ({ rule, word: 'notes' })),
        ...(custom?.rules ?? []).map((rule) => ({ rule, word: `asks ${custom?.provider}` })),
        ...(dryRun?.deny ?? []).map((rule) => ({ rule, word: 'would refuse' })),
        ...(dryRun?.allow ?? []).map((rule) => ({ rule, word: 'would allow' })),
        ...(inbound.tokens?.rules ?? []).map((rule) => ({ rule, word: `checks tokens of ${rule.rule.issuer}` })),
      ].filter(({ rule }) => isOf(rule.by, policy));
      return [
        ...decisions(inbound, policy).map(({ field, one }) => rowText(`${id} port ${inbound.port}`, field, one)),
        ...rules.map(({ rule, word }) => rowOf(`${id} port ${inbound.port} ${word} by ${rule.id}`, rule.by)),
      ];
    });
  });
}

interface Decision {
  readonly field: string;
  readonly one: Decided<unknown>;
}

/** The decided values in a part of the IR that this object decided. */
function decisions(part: object, policy: Policy): readonly Decision[] {
  const found: Decision[] = [];
  const walk = (value: unknown, field: string): void => {
    if (typeof value !== 'object' || value === null) return;
    if ('by' in value && 'value' in value) {
      const one = value as Decided<unknown>;
      if (isOf(one.by, policy)) found.push({ field, one });
      return;
    }
    for (const [key, inner] of Object.entries(value)) walk(inner, Array.isArray(value) ? field : key);
  };
  walk(part, '');
  return found;
}

function isOf(by: DecidedBy, policy: Policy): boolean {
  if ('default' in by) return false;
  const { kind, namespace, name } = by.object;
  return kind === policy.kind && namespace === policy.namespace && name === policy.name;
}

function rowText(where: string, field: string, { value, by }: Decided<unknown>): DescriptionRow {
  return rowOf(`${where} ${field} ${valueText(value, field)}`, by);
}

function once(rows: readonly DescriptionRow[]): readonly DescriptionRow[] {
  const known = new Map(rows.map((row) => [`${row.text} ${row.by}`, row]));
  return [...known.values()];
}
