import type { NodeMetadata } from '../../model/proxy.ts';
import type { OwnAddress, RunEvent } from '../../sidecar/run-event.ts';
import type { Marks } from '../marks.ts';
import { reachable } from '../render/environment.ts';
import type { Workload } from './workload.ts';

/** What `weft run` says about an event (section 1.3 of experience.md); problems are printed as failures, not here. */
export function runLines(event: RunEvent, workload: Workload, version: string, marks: Marks): readonly string[] {
  const { good, warning, bad } = marks;
  switch (event.event) {
    case 'envoy':
      return [`${good} envoy          ${version}, pid ${event.pid}, admin ${event.admin}`];
    case 'ready':
      return [...identityLine(event, good), configLine(event, good), ...membershipLines(workload, event.addresses)];
    case 'connected':
      return event.state === 'ready' ? [`${good} control plane  connected again`] : [];
    case 'problem':
      return [];
    case 'refused': {
      const { type, resource, message, place } = event;
      const inUse = /address already in use/i.test(message);
      const why = inUse ? 'another program of this machine listens there' : 'no line of a policy is known';
      return [`${bad} refused        ${`${type} ${resource}`.trimEnd()}: ${message}  ${place ?? why}`];
    }
    case 'accepted':
      return [
        `${good} refused        ${event.type} ${event.resource}: no more, the newest form is in force or is gone`,
      ];
    case 'probing': {
      const { probe, period = 0 } = event;
      return [
        `${good} probe          ${probe === undefined ? 'none any more' : `${probe}, every ${period / 1_000} s`}`,
      ];
    }
    case 'health':
      return event.healthy
        ? [`${good} health         healthy: callers are sent here`]
        : [`${bad} health         unhealthy: callers are sent elsewhere; ${event.reason ?? ''}`];
    case 'crashed':
      return [`${warning} envoy          ended by itself (${event.how}), starts again in ${event.retryIn / 1_000} s`];
    case 'leaving':
      return ['leaving the registry'];
    case 'left':
      if (event.problem !== undefined) return [`${warning} goodbye        did not arrive: ${event.problem}`];
      if (event.pending > 0) return [`${warning} goodbye        ${event.pending} callers had not acknowledged in time`];
      return [`${good} goodbye        every caller knows`];
    case 'drained':
      if (event.unfinished > 0) return [`${warning} drain          ${event.unfinished} requests were still running`];
      return [`${good} drain          no request is running`];
    case 'stopped':
      return [`${good} envoy          stopped`];
    default:
      return event satisfies never;
  }
}

/** An event as `-o json` prints it: a Failure shows its message too, which errors hide. */
export function eventValue(event: RunEvent): object {
  if (event.event !== 'problem') return event;
  const { code, message, hint, where } = event.failure;
  return { ...event, failure: { code, message, hint, ...(where === undefined ? {} : { where }) } };
}

type Ready = Extract<RunEvent, { event: 'ready' }>;

function identityLine({ certificate }: Ready, good: string): readonly string[] {
  if (certificate === undefined) return [];
  const hours = (certificate.notAfter - certificate.notBefore) / 3_600_000;
  const life = hours >= 1 ? `${Math.round(hours)} h` : `${Math.max(1, Math.round(hours * 60))} min`;
  return [`${good} identity       ${certificate.spiffeId}, ${life}, renews at half-life`];
}

function configLine({ listeners, clusters, ms }: Ready, good: string): string {
  return `${good} config         ${counted(listeners, 'listener')}, ${counted(clusters, 'cluster')}, SYNCED in ${ms} ms`;
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}

function membershipLines({ nodeId, metadata }: Workload, addresses: Ready['addresses']): readonly string[] {
  const { service, namespace, capture } = metadata;
  // Of several proxies of a service its name means the first, and each has local ports at an address of its own.
  const asked = nodeId === `${service}-1.${namespace}` ? service : nodeId;
  const at = reachable(capture?.bind ?? '127.0.0.1');
  const ways = [
    ...(capture?.proxy === undefined ? [] : [`export HTTP_PROXY=http://${at}:${capture.proxy}`]),
    ...(capture?.ports === true ? [`fixed ports (weft env ${asked})`] : []),
  ];
  const from = ways.length === 0 ? [] : [`from here: ${ways.join(', or ')}`];
  return [`${service} is in the mesh: ${callersLine(metadata, addresses)}`, ...from];
}

/** How others call it: by the ports of its services, which need not have the numbers of its own. */
function callersLine({ service, namespace, ports = [], group }: NodeMetadata, addresses: Ready['addresses']): string {
  if (addresses?.length === 0) return `no service leads to it yet (weft describe service ${service} -n ${namespace})`;
  if (addresses === undefined && ports.length === 0)
    return group === undefined ? 'it calls, and is not called' : `others call the ports of its group, ${group}`;
  const declared = ports.map(({ port, protocol = 'http' }) => ({ host: `${service}.${namespace}`, port, protocol }));
  const known = addresses ?? declared;
  const urls = known.filter(({ protocol }) => !isBytes(protocol)).map(urlOf);
  const bytes = known.filter(({ protocol }) => isBytes(protocol)).map(({ host, port }) => `${host}:${port}`);
  // Bytes name no host, so nothing but a local port of the caller leads there.
  const local = bytes.length === 0 ? [] : [`${bytes.join(', ')} at local ports of theirs (weft env)`];
  return `others call ${[...urls, ...local].join(', ')}`;
}

function isBytes(protocol: string): boolean {
  return !/^(http|grpc|auto)/.test(protocol);
}

function urlOf({ host, port, protocol }: OwnAddress): string {
  return `${protocol === 'https' ? 'https' : 'http'}://${host}:${port}`;
}
