import type { ControlPlane } from '../../control-plane/start-control-plane.ts';
import type { Route } from '../../model/ir-route.ts';
import type { Mesh } from '../../model/mesh.ts';
import { decidedByText } from '../../model/provenance.ts';
import type { Proxy } from '../../model/proxy.ts';
import { type EdgeRow, outside } from '../../model/traffic.ts';
import { resolveInbound } from '../../resolve/inbound.ts';
import { scopeOf } from '../../resolve/scope.ts';
import { resolveView } from '../../resolve/view.ts';

/** What stands at the end of a line of the demo's table: the split, and the line of YAML behind each thing that is not as usual. */
export function rowNote(controlPlane: ControlPlane, proxies: readonly Proxy[], row: EdgeRow): string {
  const mesh = controlPlane.mesh.get();
  if (!mesh) return '';
  const split =
    row.split.length > 1
      ? row.split.map(({ version, share }) => `${version} ${Math.round(share * 100)}%`).join('  ')
      : '';
  const flags = row.flags.flatMap(({ name }) => flagNote(name, routesTo(mesh, row)) ?? []);
  const denied = row.codes.some(({ name }) => name === '403') ? ['403: denied by policy'] : [];
  return [publicPort(mesh, proxies, row), split, ...flags, ...denied].filter((part) => part !== '').join('  ');
}

function publicPort(mesh: Mesh, proxies: readonly Proxy[], row: EdgeRow): string {
  if (row.from !== outside) return '';
  const proxy = proxies.find(({ service }) => service === row.to);
  const open = proxy && resolveInbound(mesh, proxy).find(({ mtls }) => mtls.value === 'DISABLE');
  return open ? `public port, ${decidedByText(open.mtls.by)}` : '';
}

function routesTo(mesh: Mesh, row: EdgeRow): readonly Route[] {
  const namespace = row.fromNamespace ?? '';
  const view = resolveView(mesh, scopeOf(mesh, { namespace, labels: { app: row.from } }));
  return view.services
    .filter(({ name }) => name === row.to)
    .flatMap(({ ports }) => ports.flatMap(({ routes }) => routes));
}

/** Envoy's flag with the line that caused it. */
function flagNote(flag: string, routes: readonly Route[]): string | undefined {
  for (const { action, fault } of routes) {
    if (flag === 'UT' && action.kind === 'forward' && action.timeout.value !== undefined) {
      return `UT: timeout ${action.timeout.value}ms, ${decidedByText(action.timeout.by)}`;
    }
    if (flag === 'FI' && fault) return `FI: fault from ${decidedByText(fault.by)}`;
  }
  return undefined;
}
