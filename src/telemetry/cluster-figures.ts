import { type HeldOut, heldOutBy, type TlsTrouble, tlsTroubles } from '../model/traffic.ts';
import type { StreamMetricsMessage } from '../proto/gen/envoy/service/metrics/v3/metrics_service_pb.ts';

/** What an Envoy says of one of its clusters besides the calls: gauges as they are, failures of TLS as gained in a flush interval. */
export interface ClusterFigures extends HeldOut<number> {
  readonly kind: 'cluster';
  readonly cluster: string;
  /** Endpoints in all. */
  readonly members?: number;
  readonly tls: Readonly<Partial<Record<TlsTrouble, number>>>;
}

const clusterTag = 'envoy.cluster_name';

/** The statistics, and what they mean; each failure of TLS counts as an error of a connection, too. */
const meanings: ReadonlyMap<string, 'ejected' | 'passing' | 'members' | TlsTrouble> = new Map([
  ['cluster.outlier_detection.ejections_active', 'ejected'],
  ['cluster.health_check.healthy', 'passing'],
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
      const saysNothing = value <= 0 && meaning !== 'ejected' && meaning !== 'passing';
      if (cluster === undefined || !Number.isFinite(value) || saysNothing) continue;
      const figures = clusters.get(cluster) ?? new Map<string, number>();
      const before = figures.get(meaning);
      // One for each check, under its label: of several that at which most fail, since who fails at another may be one of them.
      const now = meaning === 'passing' ? Math.min(before ?? value, value) : (before ?? 0) + value;
      clusters.set(cluster, figures.set(meaning, now));
    }
  }
  return [...clusters].flatMap(([cluster, figures]) => {
    const [passing, members] = [figures.get('passing'), figures.get('members')];
    const unhealthy = passing === undefined ? undefined : Math.max(0, (members ?? 0) - passing);
    const out = heldOutBy((why) => ({ ejected: figures.get('ejected'), unhealthy })[why]);
    const tls = tlsOf(figures);
    const saysOut = Object.keys(out).length > 0;
    if (!saysOut && Object.keys(tls).length === 0) return [];
    return [
      { kind: 'cluster', cluster, ...out, ...(saysOut && members !== undefined ? { members } : {}), tls } as const,
    ];
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
