import type { Logger } from 'pino';
import type { Mesh, MeshSettings } from '../model/mesh.ts';
import type { Proxy } from '../model/proxy.ts';
import type { Readable } from '../model/readable.ts';
import type { Clock } from '../model/state-store.ts';
import type { Workload } from '../model/workload.ts';
import { createDirectory } from '../telemetry/directory.ts';
import type { Sample } from '../telemetry/metrics-service.ts';
import { createTrafficStore, type TrafficStore } from '../telemetry/traffic-store.ts';
import { destinationOfCluster } from '../translate/names.ts';
import { createFailingQuestions, type FailingQuestions } from './failing-questions.ts';
import { createKnownOfProxy } from './known-of-proxy.ts';
import type { ProxySnapshots } from './proxy-snapshots.ts';

/** What sidecars say of their calls, and of what they ask for themselves. */
export interface HeardOfProxies {
  readonly traffic: TrafficStore;
  readonly failing: FailingQuestions;
  record(proxy: Proxy, samples: readonly Sample[]): void;
}

/** Where all that the metrics service hears goes. */
export function createHeardOfProxies(of: {
  readonly workloads: Readable<ReadonlyMap<string, Workload>>;
  readonly settings: MeshSettings;
  readonly snapshots: Pick<ProxySnapshots, 'of'>;
  readonly mesh: Readable<Mesh | undefined>;
  readonly logger: Logger;
  readonly clock: Clock;
}): HeardOfProxies {
  const { workloads, settings, snapshots, mesh, logger, clock } = of;
  const known = createKnownOfProxy(snapshots, mesh);
  const traffic = createTrafficStore(createDirectory(workloads, destinationOfCluster, settings, known));
  const failing = createFailingQuestions({ mesh, logger, clock });
  return {
    traffic,
    failing,
    record(proxy, samples) {
      traffic.record(proxy, samples, clock.now());
      for (const sample of samples) if (sample.kind === 'answers') failing.record(proxy, sample);
    },
  };
}
