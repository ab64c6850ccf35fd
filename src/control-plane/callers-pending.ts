import type { JoinCredential } from '../registry/join-claims.ts';
import { endpointType } from '../xds/resource-types.ts';
import { changedNames, lookup } from '../xds/snapshot.ts';
import type { StreamStatus } from '../xds/status.ts';
import type { ProxySnapshots } from './proxy-snapshots.ts';

/**
 * How many proxies other than `leaving` hold endpoints that are not the newest, or have not acknowledged them (E37, F16). A caller that has
 * seen the newest view, to whom nothing was sent that waits for its answer, is a comparison of two references.
 */
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
    const { seen } = endpoints;
    if (seen !== snapshot.layers) return changedNames(snapshot.layers, seen, endpointType).length > 0;
    // What a caller refused, or an equal one, it will not take later either; what is gone counts no more.
    return (
      endpoints.owed > 0 &&
      endpoints.differing.some(({ name, version, owed }) => {
        if (!owed) return false;
        const newest = lookup(seen, endpointType, name);
        return newest !== undefined && newest.version !== version;
      })
    );
  }).length;
}
