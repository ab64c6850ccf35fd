import type { Failure } from '../model/failure.ts';
import type { Mesh } from '../model/mesh.ts';
import type { ProxyStatus } from '../model/status.ts';
import type { AdminSource, ConfigDump, StreamReport } from './admin-source.ts';
import { notFound, notPermitted, notReady } from './envelope.ts';
import { nearest } from './nearest.ts';
import type { Asker } from './role-table.ts';

/** The mesh; throws Failure WEFT0901 before the first one is built. */
export function meshOf(source: AdminSource): Mesh {
  const mesh = source.mesh();
  if (mesh === undefined) throw notReady(source.readiness());
  return mesh;
}

/** The proxies that the asker may see: a workload's credential sees those of its own identity. */
export function proxiesOf(source: AdminSource, asker: Asker): readonly ProxyStatus[] {
  const own = workloadOf(asker);
  return own === undefined ? source.proxies() : source.proxies().filter((proxy) => proxy.identity === own);
}

/** The streams that the asker may see. */
export function streamsOf(source: AdminSource, asker: Asker): readonly StreamReport[] {
  const own = workloadOf(asker);
  return own === undefined ? source.streams() : source.streams().filter((stream) => stream.identity === own);
}

/** What a proxy should hold; throws as `ofProxy` does. */
export function dumpOf(source: AdminSource, asker: Asker, proxyId: string): ConfigDump {
  return ofProxy(source, asker, proxyId, source.configDump);
}

/**
 * A value about a proxy. `proxyId` is `<name>.<namespace>`, or `<name>` where that is clear. Throws Failure WEFT0920 with the nearest id, or
 * WEFT0902 where a workload asks for what is not its own (whether it exists is not told).
 */
export function ofProxy<T>(
  source: AdminSource,
  asker: Asker,
  proxyId: string,
  value: (id: string) => T | undefined,
): T {
  const visible = proxiesOf(source, asker);
  const ids = visible.map(idOf);
  const short = ids.filter((id) => id.startsWith(`${proxyId}.`));
  const id = short.length === 1 && !ids.includes(proxyId) ? (short[0] ?? proxyId) : proxyId;
  const own = workloadOf(asker);
  if (own !== undefined && !ids.includes(id)) throw ownOnly(own);
  const found = value(id);
  if (found !== undefined) return found;
  const similar = nearest(proxyId, ids);
  throw notFound(
    `there is no proxy "${proxyId}"`,
    similar === undefined ? 'weft proxies lists the connected ones' : `did you mean "${similar}"?`,
  );
}

/** What is told about all: a workload's credential may not ask for it. Throws Failure WEFT0902. */
export function requirePerson(asker: Asker): void {
  const own = workloadOf(asker);
  if (own !== undefined) throw ownOnly(own);
}

function ownOnly(workload: string): Failure {
  return notPermitted(workload, 'a workload reads its own proxy only; use a token of a person');
}

export function idOf(proxy: Pick<ProxyStatus, 'name' | 'namespace'>): string {
  return `${proxy.name}.${proxy.namespace}`;
}

function workloadOf(asker: Asker): string | undefined {
  return typeof asker === 'object' && 'workload' in asker ? asker.workload : undefined;
}
