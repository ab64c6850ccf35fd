import type { ProxyStatus, TypeStatus } from '../../model/status.ts';
import { xdsTypes } from '../../model/status.ts';
import type { Marks } from '../marks.ts';
import type { Column } from '../output.ts';
import { ago, shortSpan } from './span.ts';

/** The columns of `weft proxies` (section 2.3 of experience.md); `now` in milliseconds since 1970. */
export function proxyColumns(marks: Marks, now: number): readonly Column<ProxyStatus>[] {
  return [
    { title: 'NAME', of: (proxy) => `${proxy.name}.${proxy.namespace}` },
    { title: 'VERSION', of: (proxy) => proxy.labels.version ?? '-' },
    { title: 'STATUS', of: (proxy) => proxy.status },
    ...xdsTypes.map((type) => ({ title: type, of: (proxy: ProxyStatus) => mark(proxy.types[type], marks) })),
    { title: 'REVISION', of: (proxy) => proxy.revision.serving || '-' },
    {
      title: 'ACK',
      of: (proxy) => (proxy.ackMilliseconds === undefined ? '-' : `${Math.round(proxy.ackMilliseconds)}ms`),
    },
    { title: 'ENVOY', of: (proxy) => proxy.envoyVersion || '-' },
    { title: 'VIA', of: (proxy) => proxy.replica },
    { title: 'UP', of: (proxy) => shortSpan(now - Date.parse(proxy.connectedSince)) },
    { title: 'ADDRESS', of: (proxy) => proxy.address, wide: true },
    { title: 'IDENTITY', of: (proxy) => proxy.identity, wide: true },
  ];
}

function mark(type: TypeStatus, marks: Marks): string {
  switch (type.status) {
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
      return type.status satisfies never;
  }
}

/** A refused configuration is never only a mark: Envoy's words, the line that led to it, and what the proxy holds meanwhile. */
export function rejectionLines(proxies: readonly ProxyStatus[], marks: Marks, now: number): readonly string[] {
  return proxies.flatMap((proxy) =>
    xdsTypes.flatMap((type) => {
      const { error } = proxy.types[type];
      if (error === undefined) return [];
      const { source, resources, message } = error;
      const about = resources.length === 0 ? type : `${type} ${resources.join(', ')}`;
      const [kind, namespace, name] = (source?.ref ?? '').split('/');
      const where = `    where  ${source?.file}:${source?.line}  ${kind} ${namespace}/${name}, ${source?.commit}, ${ago(error.at, now)}`;
      const kept =
        proxy.revision.serving === '' ? 'has nothing older' : `keeps what it had from ${proxy.revision.serving}`;
      return [
        '',
        `${marks.bad} ${proxy.name}.${proxy.namespace}  ${about}: ${message}`,
        source === undefined ? `    when   ${ago(error.at, now)}; no line of a policy is known to lead to it` : where,
        `    state  ${kept}; nothing is offered again until the content changes`,
      ];
    }),
  );
}
