import type { ProbeCheck, ReadinessProbe } from '../../model/workload-group.ts';
import type { Infer } from '../shape.ts';
import { anyText, choice, integer, list, object, port, row, someOf, text } from '../shape-builders.ts';
import { present } from './common.ts';

const times = integer(0, 2 ** 31 - 1);
/** Envoy takes 16 KiB of each: a percent sign is two bytes there, and a letter up to four. */
const longestHeader = 4_096;
const header = object(
  {
    name: text('probe-header-name', { maxLength: longestHeader }),
    value: text(undefined, { maxLength: longestHeader, allowEmpty: true }),
  },
  { required: ['name'] },
);
/** Names of DNS end there. */
const probedHost = text(undefined, { maxLength: 253, allowEmpty: true });
/** Istio reads an empty scheme as HTTP. */
const scheme = choice(['HTTP', 'HTTPS', '']);

/** `probe` of a WorkloadGroup. A gRPC check names its port, for no server listens on port 0. */
export const probe = object(
  {
    initialDelaySeconds: times,
    timeoutSeconds: times,
    periodSeconds: times,
    successThreshold: times,
    failureThreshold: times,
    httpGet: object(
      { path: anyText, port, host: probedHost, scheme, httpHeaders: list(header) },
      { required: ['port'] },
    ),
    tcpSocket: object({ host: probedHost, port }, { required: ['port'] }),
    exec: row(object({ command: someOf(text()) }, { required: ['command'] }), 'T1', 'a command beside the workload'),
    grpc: object({ port, service: anyText }, { required: ['port'] }),
  },
  { oneOf: [['httpGet', 'tcpSocket', 'exec', 'grpc']] },
);

/** A 0 is what Istio's agent takes for "not written": a period of 10 s, a second for an answer, one result that changes the state. */
export function lowerProbe(written: Infer<typeof probe>): ReadinessProbe {
  return {
    initialDelay: (written.initialDelaySeconds ?? 0) * 1_000,
    period: (written.periodSeconds || 10) * 1_000,
    timeout: (written.timeoutSeconds || 1) * 1_000,
    successThreshold: written.successThreshold || 1,
    failureThreshold: written.failureThreshold || 1,
    check: lowerCheck(written),
  };
}

function lowerCheck({ httpGet, tcpSocket, grpc, exec }: Infer<typeof probe>): ProbeCheck {
  if (httpGet) {
    const { host, port: number, path = '', httpHeaders = [] } = httpGet;
    const headers = httpHeaders.map(({ name, value = '' }) => ({ name, value }));
    return present<ProbeCheck & { kind: 'http' }>({
      kind: 'http',
      scheme: httpGet.scheme === 'HTTPS' ? 'https' : 'http',
      host: host || undefined,
      port: number,
      path: pathOf(path),
      headers,
    });
  }
  if (grpc) return { kind: 'grpc', port: grpc.port, service: grpc.service ?? '' };
  if (exec) return { kind: 'exec', command: exec.command };
  return present<ProbeCheck & { kind: 'tcp' }>({
    kind: 'tcp',
    host: tcpSocket?.host || undefined,
    port: tcpSocket?.port ?? 0,
  });
}

/** As it is sent: it begins with `/`, and what a URL cannot hold is encoded. */
function pathOf(written: string): string {
  const { pathname, search } = new URL(`http://workload${written.startsWith('/') ? '' : '/'}${written}`);
  return pathname + search;
}
