import type { MeshSettings } from '../model/mesh.ts';
import type { Readable } from '../model/readable.ts';
import type { Workload } from '../model/workload.ts';
import type { Directory } from './series.ts';

/** What a cluster's name says, as translate reads it. */
export type ReadClusterName = (
  cluster: string,
) => { readonly namespace: string; readonly service: string; readonly subset?: string } | undefined;

/** What is served to a proxy, where its counters do not say it. */
export type KnownOfProxy = Pick<Directory, 'beginsTls' | 'speaksMeshTls' | 'ownUsesOf' | 'refusesUnknownHosts'>;

const nothingKnown: KnownOfProxy = {
  beginsTls: () => false,
  speaksMeshTls: () => false,
  ownUsesOf: () => [],
  refusesUnknownHosts: () => true,
};

/**
 * Which service an identity stands for, from the registry's workloads. Where workloads of several services share an identity, the
 * workload with the first id speaks for it. Clusters are named by their owner, `translate/names.ts`, given as `readClusterName`.
 */
export function createDirectory(
  workloads: Readable<ReadonlyMap<string, Workload>>,
  readClusterName: ReadClusterName,
  settings: MeshSettings,
  known: KnownOfProxy = nothingKnown,
): Directory {
  let from: ReadonlyMap<string, Workload> | undefined;
  let services: ReadonlyMap<string, { readonly service: string; readonly namespace: string }> = new Map();
  return {
    ...known,
    serviceOf(principal) {
      const now = workloads.get();
      if (now !== from) {
        services = byIdentity(now);
        from = now;
      }
      return services.get(principal) ?? services.get(renamed(principal, settings));
    },
    destinationOf(cluster) {
      const named = readClusterName(cluster);
      if (named === undefined) return undefined;
      const { namespace, service, subset } = named;
      const host = service.includes('.') ? service : `${service}.${namespace}.svc.${settings.dnsSuffix}`;
      return { namespace, service, host, ...(subset === undefined ? {} : { subset }) };
    },
  };
}

/** An identity of a name that the trust domain had before, as it is called now. */
function renamed(principal: string, { trustDomain, formerTrustDomains = [] }: MeshSettings): string {
  const former = formerTrustDomains.find((name) => principal.startsWith(`spiffe://${name}/`));
  return former === undefined ? principal : `spiffe://${trustDomain}${principal.slice(`spiffe://${former}`.length)}`;
}

function byIdentity(workloads: ReadonlyMap<string, Workload>) {
  const first = new Map<string, Workload>();
  for (const workload of workloads.values()) {
    if (workload.identity === undefined) continue;
    const other = first.get(workload.identity);
    if (other === undefined || workload.id < other.id) first.set(workload.identity, workload);
  }
  return new Map(
    [...first].map(([identity, { service, labels, serviceAccount, namespace }]) => [
      identity,
      { service: service ?? labels.app ?? serviceAccount ?? '', namespace },
    ]),
  );
}
