import { actsOn } from '../admin/mesh-values.ts';
import type { Description, DescriptionRow, DescriptionSection } from '../model/description.ts';
import type { OutboundPort } from '../model/ir.ts';
import type { Destination } from '../model/ir-destination.ts';
import { localPortKey } from '../model/mesh.ts';
import { refText } from '../model/provenance.ts';
import type { Proxy } from '../model/proxy.ts';
import { isHttp, type Service } from '../model/service.ts';
import { type EndpointsOut, type OutReason, outReasons } from '../model/traffic.ts';
import { httpLimits, httpLimitsRemedy, tunnelLimit } from '../model/transparency-limits.ts';
import { resolveEndpoints } from '../resolve/endpoints.ts';
import { resolveInbound } from '../resolve/inbound.ts';
import { resolveView } from '../resolve/view.ts';
import { actingFor, isTakenOver } from './acting-for.ts';
import { type Describable, findingsOf, section } from './describable.ts';
import { destinationRows, endpointRows, routeRows, subsetRows } from './describe-destination.ts';
import { callerRows } from './describe-inbound.ts';
import { rowOf, spanText } from './describe-words.ts';
import { otherCallers } from './other-callers.ts';

/** A service as a caller of its own namespace without labels meets it: rules, limits, endpoints, and who may call (section 3.2). */
export function describeService(known: Describable, service: Service): Description {
  const { mesh, diagnostics } = known;
  const { namespace, name, host, key } = service;
  const view = resolveView(mesh, { namespace, labels: {} });
  const outbound = view.services.find((each) => each.service === key);
  const proxies = proxiesOf(known, service);
  const ids = [...(mesh.endpoints.get(key)?.values() ?? [])].flat().map(({ workload }) => workload);
  const running = [...new Set(ids)].flatMap((id) => mesh.workloads.get(id) ?? []);
  const workloads = running.length > 0 ? running : proxies;
  const refs = mesh.policies.objects.filter(
    (policy) => actsOn(mesh, policy, service, workloads) && !isTakenOver(actingFor(mesh, policy, service)),
  );
  const own = service.by === undefined ? [] : [refText(service.by.object)];
  return {
    subject: `Service ${namespace}/${name}`,
    sections: [
      ...section('service', aboutRows(service, outbound?.names ?? [])),
      ...(outbound?.ports ?? []).flatMap((port) => portSections(known, service, port)),
      ...section('mTLS and callers', inboundRows(known, proxies)),
      ...section('calls of the last minute', edgeRows(known, service)),
      ...section(
        'policies',
        refs.map((policy) => ({ text: refText(policy), by: `${policy.at.file}:${policy.at.line}` })),
      ),
      ...section('other callers', otherCallers(known, service, outbound, refs)),
      ...findingsOf(diagnostics, new Set([...own, ...refs.map(refText)])),
      ...(host === name && outbound === undefined
        ? section('visible', [rowOf('not for callers of its own namespace')])
        : []),
    ],
  };
}

function aboutRows(service: Service, names: readonly string[]): readonly DescriptionRow[] {
  const { host, origin, external, resolution, addresses, exportTo, by } = service;
  const origins = {
    service: 'declared',
    entry: 'declared by a ServiceEntry',
    implied: 'implied by a workload that joined',
  } as const;
  return [
    rowOf(`host ${host}, ${origins[origin]}`, by),
    ...(names.length === 0 ? [] : [rowOf(`names in its namespace: ${names.join(', ')}`)]),
    ...(addresses.length === 0 ? [] : [rowOf(`addresses ${addresses.join(', ')}`, by)]),
    ...(exportTo.includes('*') ? [] : [rowOf(`visible to ${exportTo.join(', ')}`, by)]),
    ...(resolution === 'registry' ? [] : [rowOf(`endpoints are found by ${resolution}`, by)]),
    ...(external ? [rowOf('outside of the mesh: called without mesh TLS', by)] : []),
  ];
}

function portSections(known: Describable, service: Service, port: OutboundPort): readonly DescriptionSection[] {
  const { mesh } = known;
  const { destination, destinations, protocol } = port;
  const local = mesh.localPorts.get(localPortKey(service.key, port.port));
  const title = `port ${port.port} ${protocol}`;
  const whole = destinations[0] ?? destination;
  const [set, ...others] = [whole, ...destinations.slice(1)].map((one) => resolveEndpoints(mesh, one));
  return [
    ...section(title, [
      ...(local === undefined ? [] : [rowOf(`at each caller's local port ${local}`), rowOf(hostsBehind(whole))]),
      ...routeRows(port),
    ]),
    ...section(`${title}: values`, destinationRows(whole)),
    ...destinations.slice(1).flatMap((subset, index) => {
      const named = `${title}, subset ${subset.ref.subset}`;
      const endpoints = others[index];
      return [
        ...section(`${named}: what differs`, subsetRows(subset, whole)),
        ...(endpoints === undefined
          ? []
          : section(`${named}: endpoints`, endpointRows(subset, endpoints, known.live, known.mesh.workloads))),
      ];
    }),
    ...(set === undefined
      ? []
      : section(`${title}: endpoints`, endpointRows(whole, set, known.live, known.mesh.workloads))),
    ...section(`${title}: what a sidecar changes`, limitRows(port)),
  ];
}

/** P48: an unknown host is one that a request through HTTP_PROXY names; a port leads to its own service. */
function hostsBehind({ discovery, protocol }: Destination): string {
  if (!isHttp(protocol)) return 'no host is unknown there: every connection to it is for this service';
  return discovery === 'request'
    ? 'there a request goes to the host that it names, under REGISTRY_ONLY to names of this service alone'
    : 'no host is unknown there: every request to it is for this service, whatever host it names';
}

/** R11, R15: what no setting helps with, said where someone looks for it. */
function limitRows({ protocol, routes, connections = [] }: OutboundPort): readonly DescriptionRow[] {
  const ruled = [...routes, ...connections].some(({ by }) => !('default' in by));
  const tunnel = ruled ? [{ text: tunnelLimit.text, by: `transparency:${tunnelLimit.id}` }] : [];
  if (!isHttp(protocol)) return tunnel;
  const limits = httpLimits.map(({ id, text }) => ({ text, by: `transparency:${id}` }));
  return [...tunnel, ...limits, rowOf(httpLimitsRemedy)];
}

/** Of those who serve it: the sidecars that are known, else the one that the files describe. */
function proxiesOf({ mesh, proxyOf }: Describable, { key, name, namespace }: Service): readonly Proxy[] {
  const ids = [...(mesh.endpoints.get(key)?.values() ?? [])].flat().map(({ workload }) => workload);
  const known = [...new Set(ids)].flatMap((id) => proxyOf(id) ?? []);
  const described = known.length > 0 ? undefined : proxyOf(`${name}.${namespace}`);
  return described === undefined ? known : [described];
}

/** One row for each statement, though many workloads share it. */
function inboundRows({ mesh }: Describable, proxies: readonly Proxy[]): readonly DescriptionRow[] {
  const rows = proxies.flatMap((proxy) =>
    resolveInbound(mesh, proxy).flatMap((inbound) => {
      const title = `application port ${inbound.port}`;
      return [rowOf(`${title}: mTLS ${inbound.mtls.value}`, inbound.mtls.by), ...callerRows(inbound)].map(
        (row, index) => (index === 0 ? row : { ...row, text: `${title}: ${row.text}` }),
      );
    }),
  );
  const told = new Set<string>();
  return rows.filter((row) => {
    const text = JSON.stringify(row);
    const fresh = !told.has(text);
    told.add(text);
    return fresh;
  });
}

function edgeRows({ edges = [] }: Describable, { name, namespace, host }: Service): readonly DescriptionRow[] {
  return edges
    .filter(({ to, toNamespace }) => to === host || (to === name && toNamespace === namespace))
    .map(({ from, fromNamespace, rps, success, p99, requests, beside, dryRun, tlsFailures = [], ...row }) => {
      const who = fromNamespace === undefined ? from : `${from}.${fromNamespace}`;
      const slow = p99 === undefined ? '' : `, p99 ${spanText(Math.round(p99))}`;
      const held = outReasons.map((why) => heldText(why, row[why])).join('');
      const tls = tlsFailures
        .map(({ name, count }) => `; no TLS ${count} times (${name}: weft edges says why)`)
        .join('');
      if (dryRun !== undefined)
        return rowOf(`dry-run ${dryRun.action} would have refused ${dryRun.refused} of ${requests} requests`);
      const made =
        beside === 'own' ? ' by its sidecar' : beside === 'cut' ? ' cut: neither mesh TLS nor what the port takes' : '';
      const calls = `${requests} (${rps.toFixed(1)} a second)${made}, ${(success * 100).toFixed(2)}% succeeded`;
      return rowOf(`${who}: ${calls}${slow}${held}${tls}`);
    });
}

function heldText(why: OutReason, out: EndpointsOut | undefined): string {
  if (out === undefined) return '';
  const who = why === 'ejected' ? 'outlier detection holds' : 'health checks hold';
  return `; ${who} out ${out.endpoints}${out.of === undefined ? '' : ` of ${out.of}`} endpoints`;
}
