import { type TlsTrouble, tlsTroubles } from '../model/traffic.ts';
import type { StreamMetricsMessage } from '../proto/gen/envoy/service/metrics/v3/metrics_service_pb.ts';

/** What an Envoy says of one of its clusters besides the calls: gauges as they are, failures of TLS as gained in a flush interval. */
export interface ClusterFigures {
  readonly kind: 'cluster';
  readonly cluster: string;
  /** Endpoints that outlier detection holds out. */
  readonly ejected?: number;
  /** Endpoints in all. */
  readonly members?: number;
  readonly tls: Readonly<Partial<Record<TlsTrouble, number>>>;
}

const clusterTag = 'envoy.cluster_name';

/** The statistics, and what they mean; each failure of TLS counts as an error of a connection, too. */
const meanings: ReadonlyMap<string, 'ejected' | 'members' | TlsTrouble> = new Map([
  ['cluster.outlier_detection.ejections_active', 'ejected'],
  ['cluster.membership_total', 'members'],
  ['cluster.ssl.fail_verify_san', 'names'],
  ['cluster.ssl.fail_verify_error', 'issuer'],
  ['cluster.ssl.fail_verify_no_cert', 'issuer'],
  ['cluster.ssl.fail_verify_cert_hash', 'issuer'],
  ['cluster.ssl.connection_error', 'handshake'],
]);

/** The figures of clusters with anything to say: whose endpoints are counted only goes with what is held out of them. */
export function readClusterFigures(message: StreamMetricsMessage): readonly ClusterFigures[] {
  const clusters = new Map<string, Map<string, number>>();
  for (const family of message.envoyMetrics) {
    const meaning = meanings.get(family.name);
    if (meaning === undefined) continue;
    for (const { label, gauge, counter } of family.metric) {
      const value = gauge?.value ?? counter?.value ?? 0;
      const cluster = label.find(({ name }) => name === clusterTag)?.value;
      // A gauge that says nothing is held out ends what was said before.
      if (cluster === undefined || !Number.isFinite(value) || (value <= 0 && meaning !== 'ejected')) continue;
      const figures = clusters.get(cluster) ?? new Map<string, number>();
      clusters.set(cluster, figures.set(meaning, (figures.get(meaning) ?? 0) + value));
    }
  }
  return [...clusters].flatMap(([cluster, figures]) => {
    const [ejected, members] = [figures.get('ejected'), figures.get('members')];
    const tls = tlsOf(figures);
    if (ejected === undefined && Object.keys(tls).length === 0) return [];
    const held = ejected === undefined ? {} : { ejected, ...(members === undefined ? {} : { members }) };
    return [{ kind: 'cluster', cluster, ...held, tls } as const];
  });
}

function tlsOf(figures: ReadonlyMap<string, number>): ClusterFigures['tls'] {
  const verified = (figures.get('names') ?? 0) + (figures.get('issuer') ?? 0);
  const counts = {
    names: 0,
    issuer: 0,
    ...Object.fromEntries(figures),
    handshake: (figures.get('handshake') ?? 0) - verified,
  };
  return Object.fromEntries(tlsTroubles.filter((word) => counts[word] > 0).map((word) => [word, counts[word]]));
}
