import type { View } from '../model/ir.ts';
import type { Mesh } from '../model/mesh.ts';
import type { Proxy } from '../model/proxy.ts';
import type { Readable } from '../model/readable.ts';
import { remember } from '../model/remember.ts';
import type { OwnUse } from '../model/traffic.ts';
import { resolveInbound } from '../resolve/inbound.ts';
import { scopeOf } from '../resolve/scope.ts';
import { resolveView } from '../resolve/view.ts';
import type { KnownOfProxy } from '../telemetry/directory.ts';
import { beginsTls, speaksMeshTls } from '../translate/begun-tls.ts';
import { keyClusterName } from '../translate/key-cluster.ts';
import { clusterName } from '../translate/names.ts';
import { lookup } from '../xds/snapshot.ts';
import type { ProxySnapshots } from './proxy-snapshots.ts';
import { urlOf } from './xds-types.ts';

/** What telemetry asks of a proxy that Envoy's counters do not say. */
export function createKnownOfProxy(
  snapshots: Pick<ProxySnapshots, 'of'>,
  mesh: Readable<Mesh | undefined>,
): KnownOfProxy {
  const viewOf = (current: Mesh, proxy: Proxy) =>
    resolveView(current, scopeOf(current, current.workloads.get(proxy.id) ?? proxy));
  const served = (id: string, typeUrl: string, name: string) => lookup(snapshots.of(id)?.layers ?? [], typeUrl, name);
  return {
    beginsTls({ id }, cluster) {
      const resource = served(id, urlOf.CDS, cluster);
      return resource !== undefined && beginsTls(resource);
    },
    speaksMeshTls({ id }, cluster) {
      const resource = served(id, urlOf.CDS, cluster);
      return resource !== undefined && speaksMeshTls(resource, served(id, urlOf.EDS, cluster));
    },
    ownUsesOf(proxy, cluster) {
      const current = mesh.get();
      if (current === undefined) return [];
      const inbound = resolveInbound(current, proxy);
      const keys = inbound.flatMap(({ tokens }) =>
        (tokens?.rules ?? []).map(({ keysFrom }) => keyClusterName(keysFrom)),
      );
      const asked = inbound.flatMap(({ authorization, ofBytes }) =>
        [authorization, ofBytes].flatMap((each) => each?.custom?.authorizer.ref ?? []).map(clusterName),
      );
      const uses: readonly (readonly [OwnUse, boolean])[] = [
        ['mirrors', mirroredClusters(viewOf(current, proxy)).has(cluster)],
        ['keys', keys.includes(cluster)],
        ['authorizer', asked.includes(cluster)],
      ];
      return uses.filter(([, isSo]) => isSo).map(([use]) => use);
    },
    refusesUnknownHosts(proxy) {
      const current = mesh.get();
      return current === undefined || viewOf(current, proxy).unknownHosts.value === 'refuse';
    },
  };
}

const mirroredClusters = remember(({ services }: View): ReadonlySet<string> => {
  const routes = services.flatMap(({ ports }) => ports.flatMap((port) => port.routes));
  const mirrors = routes.flatMap(({ action }) => (action.kind === 'forward' ? action.mirrors : []));
  return new Set(mirrors.map(({ value }) => clusterName(value.destination)));
});
