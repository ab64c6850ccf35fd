import type { KeyServer, TokenDecision } from '../model/ir-inbound.ts';
import { remember } from '../model/remember.ts';
import { type Cluster, ClusterSchema } from '../proto/gen/envoy/config/cluster/v3/cluster_pb.ts';
import { message } from '../proto/message.ts';
import type { Resource } from '../xds/resource.ts';
import { byDns } from './cluster-discovery.ts';
import { durationOf } from './duration.ts';
import { envoyResource, toSecret } from './envoy-resource.ts';
import { clusterName, keyServerName, noKeysName, rootsSecretName } from './names.ts';
import { upstreamTlsSocket } from './upstream-tls.ts';

type Outside = Extract<KeyServer, { kind: 'outside' }>;

/** The cluster by which keys are fetched. Where nobody has them it does not exist, and no token is taken. */
export function keyClusterName(server: KeyServer | undefined): string {
  if (server === undefined) return noKeysName;
  return server.kind === 'service' ? clusterName(server.ref) : keyServerName(server.host, server.port);
}

/** The clusters of servers that are no services, each once: those of services are there for the application. */
export const keyClusters = remember(({ rules }: TokenDecision): readonly Resource[] => {
  const servers = rules.flatMap(({ keysFrom }) => (keysFrom?.kind === 'outside' ? [keysFrom] : []));
  const byName = new Map(servers.map((server) => [keyServerName(server.host, server.port), server]));
  const secrets = [toSecret(rootsSecretName('system'))];
  return [...byName].map(([name, server]) => envoyResource(ClusterSchema, name, keyCluster(name, server), secrets));
});

/** A server that proves to be the host that was named, towards the roots of the system (P48): whoever else answers is not listened to. */
function keyCluster(name: string, { host, port, connectTimeout, dnsRefreshRate, parameters }: Outside): Cluster {
  return message(ClusterSchema, {
    name,
    ...byDns(name, [{ address: host, port, weight: 1 }], false, dnsRefreshRate),
    connectTimeout: durationOf(connectTimeout),
    transportSocket: upstreamTlsSocket({
      kind: 'tls',
      serverName: host,
      server: { roots: 'system', names: [host] },
      ...(parameters && { parameters }),
    }),
  });
}
