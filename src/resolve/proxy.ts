import type { ProxyIR } from '../model/ir.ts';
import type { Mesh } from '../model/mesh.ts';
import type { Proxy } from '../model/proxy.ts';
import { resolveInbound } from './inbound.ts';
import { resolveProbe } from './probe.ts';
import { scopeOf } from './scope.ts';
import { resolveView } from './view.ts';

const memory = new WeakMap<Proxy, ProxyIR>();

/** All that one proxy must do: its own inbound half and the view of its scope. The same object while neither changed. */
export function resolveProxy(mesh: Mesh, proxy: Proxy): ProxyIR {
  const workload = mesh.workloads.get(proxy.id) ?? proxy;
  const view = resolveView(mesh, scopeOf(mesh, workload));
  const inbound = resolveInbound(mesh, proxy);
  const probe = resolveProbe(mesh, proxy);
  const known = memory.get(proxy);
  if (known?.view === view && known.inbound === inbound && known.probe === probe) return known;
  const resolved: ProxyIR = { proxy, inbound, ...(probe && { probe }), view };
  memory.set(proxy, resolved);
  return resolved;
}
