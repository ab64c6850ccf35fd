import type { NodeMetadata } from '../../model/proxy.ts';
import type { RunEvent } from '../../sidecar/run-event.ts';
import type { Marks } from '../marks.ts';

/** What `weft run` says about an event (section 1.3 of experience.md); problems are printed as failures, not here. */
export function runLines(event: RunEvent, metadata: NodeMetadata, version: string, marks: Marks): readonly string[] {
  const { good, warning, bad } = marks;
  switch (event.event) {
    case 'envoy':
      return [`${good} envoy          ${version}, pid ${event.pid}, admin ${event.admin}`];
    case 'ready':
      return [...identityLine(event, good), configLine(event, good), ...membershipLines(metadata)];
    case 'connected':
      return event.state === 'ready' ? [`${good} control plane  connected again`] : [];
    case 'problem':
      return [];
    case 'refused': {
      const { type, resource, message, place } = event;
      return [
        `${bad} refused        ${`${type} ${resource}`.trimEnd()}: ${message}  ${place ?? 'no line of a policy is known'}`,
      ];
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

function membershipLines(metadata: NodeMetadata): readonly string[] {
  const { service, namespace, ports = [], capture, group } = metadata;
  // A Service may give the port another number: with one port its name alone is right in any case (P4).
  const urls = ports.map(({ port, protocol }) => {
    const url = `${protocol === 'tcp' ? 'tcp' : 'http'}://${service}.${namespace}`;
    return ports.length === 1 && protocol !== 'tcp' ? url : `${url}:${port}`;
  });
  const served = group === undefined ? 'it calls, and is not called' : `others call the ports of its group, ${group}`;
  const others = urls.length === 0 ? served : `others call ${urls.join(', ')}`;
  const proxy =
    capture?.proxy === undefined
      ? undefined
      : `export HTTP_PROXY=http://${capture.bind ?? '127.0.0.1'}:${capture.proxy}`;
  const ways = [
    ...(proxy === undefined ? [] : [proxy]),
    ...(capture?.ports === true ? [`fixed ports (weft env ${service})`] : []),
  ];
  return [`${service} is in the mesh: ${others}`, ...(ways.length === 0 ? [] : [`from here: ${ways.join(', or ')}`])];
}
