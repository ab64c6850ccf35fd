import type { JoinCredential } from '../registry/join-claims.ts';
import { endpointType } from '../xds/resource-types.ts';
import { lookup } from '../xds/snapshot.ts';
import type { StreamStatus } from '../xds/status.ts';
import type { ProxySnapshots } from './proxy-snapshots.ts';

/** How many proxies other than `leaving` hold endpoints that are not the newest, or have not acknowledged them (E37, F16). */
export function callersPending(
  streams: readonly StreamStatus<JoinCredential>[],
  snapshots: ProxySnapshots,
  leaving: string,
): number {
  return streams.filter(({ node, types }) => {
    const snapshot = node.id === leaving ? undefined : snapshots.of(node.id);
    const endpoints = types.find(({ typeUrl }) => typeUrl === endpointType);
    if (snapshot === undefined || endpoints === undefined) return false;
    if (endpoints.inFlightSince !== undefined) return true;
    // What a caller refused it will not take later either.
    const refused = new Set(endpoints.error?.names);
    return endpoints.held.some(({ name, version }) => {
      if (refused.has(name)) return false;
      const newest = lookup(snapshot.layers, endpointType, name);
      return newest !== undefined && newest.version !== version;
    });
  }).length;
}
