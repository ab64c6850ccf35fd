import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { OutReason } from '../model/traffic.ts';
import type { AdminSource, MetricFamily, MetricSample, MetricType } from './admin-source.ts';

/** Gauges that follow from what the source shows (section 6 of experience.md). `now` in milliseconds since 1970. */
export function derivedMetrics(source: AdminSource, now: number): readonly MetricFamily[] {
  const { status, diagnostics } = source.policies();
  const { certificates, authorities, alarms } = source.certificates();
  const roots = authorities.filter(({ kind }) => kind === 'root');
  const mesh = source.mesh();
  const seconds = (iso: string) => (Date.parse(iso) - now) / 1000;
  const states = ['SYNCED', 'PENDING', 'STALE', 'REJECTED'] as const;
  const revisions = ['Applied', 'Partial', 'Rolling', 'Rejected', 'Suspended'] as const;
  const newest = status.pending ?? status.serving;
  return [
    family('pilot_xds', 'gauge', 'Open xDS streams.', [
      { labels: { version: source.version.server }, value: source.streams().length },
    ]),
    family('pilot_services', 'gauge', 'Services known to the control plane.', [{ value: mesh?.services.length ?? 0 }]),
    family('weft_proxies', 'gauge', 'Connected proxies by what they said about the newest configuration.', [
      ...tally(
        source.proxies().map((proxy) => ({ status: proxy.status === '-' ? 'SYNCED' : proxy.status })),
        states.map((state) => ({ status: state })),
      ),
    ]),
    heldOut(source, 'ejected', 'Endpoints that the outlier detection of a proxy holds out.'),
    heldOut(source, 'unhealthy', 'Endpoints that fail the health checks of a proxy.'),
    family(
      'weft_policy_revision_state',
      'gauge',
      'State of the newest policy revision: 1 for the one that holds.',
      revisions.map((state) => ({ labels: { state }, value: newest?.state === state ? 1 : 0 })),
    ),
    family('weft_namespaces_held', 'gauge', 'Namespaces that are served as of an earlier commit (policy.isolate).', [
      { value: status.serving?.held?.length ?? 0 },
    ]),
    family(
      'weft_diagnostics',
      'gauge',
      'Findings of the newest policy revision.',
      tally(diagnostics.map(({ code, severity }) => ({ code, severity }))),
    ),
    family(
      'weft_registry_workloads',
      'gauge',
      'Workloads by source.',
      source.sources().map((entry) => ({ labels: { source: entry.name }, value: entry.workloads })),
    ),
    ...(roots.length === 0
      ? []
      : [
          family('citadel_server_root_cert_expiry_seconds', 'gauge', 'Seconds until the first root expires.', [
            { value: Math.min(...roots.map(({ notAfter }) => seconds(notAfter))) },
          ]),
          family(
            'weft_root_expiry_seconds',
            'gauge',
            'Seconds until a trusted root expires; signs: new certificates are under it.',
            roots.map(({ fingerprint, signs, notAfter }) => ({
              labels: { fingerprint: fingerprint.slice(0, 16), signs: String(signs) },
              value: seconds(notAfter),
            })),
          ),
        ]),
    family(
      'weft_certificate_alarms',
      'gauge',
      'Certificates of the authority that end soon or have ended, by the days that are left at most (WEFT0302).',
      tally(
        alarms.map(({ what, endsWithinDays }) => ({ what, days: String(endsWithinDays) })),
        [30, 14, 7, 1, 0].map((days) => ({ what: 'root', days: String(days) })),
      ),
    ),
    ...(certificates.length === 0
      ? []
      : [
          family('weft_svid_first_expiry_seconds', 'gauge', 'Seconds until the first certificate in use expires.', [
            { value: Math.min(...certificates.map((certificate) => seconds(certificate.notAfter))) },
          ]),
        ]),
  ];
}

/** `weft_ejected_endpoints`, `weft_unhealthy_endpoints` */
function heldOut(source: AdminSource, why: OutReason, help: string): MetricFamily {
  const samples = source.proxies().flatMap(({ name, namespace, [why]: out = [] }) =>
    out.map(({ destination, endpoints }) => ({
      labels: { proxy: `${name}.${namespace}`, destination },
      value: endpoints,
    })),
  );
  return family(`weft_${why}_endpoints`, 'gauge', help, samples);
}

/** Counts equal label sets; `always` are shown even with 0. */
function tally(
  items: readonly Readonly<Record<string, string>>[],
  always: readonly Readonly<Record<string, string>>[] = [],
): readonly MetricSample[] {
  const counts = new Map<string, { labels: Readonly<Record<string, string>>; value: number }>();
  for (const labels of always) counts.set(JSON.stringify(labels), { labels, value: 0 });
  for (const labels of items) {
    const key = JSON.stringify(labels);
    counts.set(key, { labels, value: (counts.get(key)?.value ?? 0) + 1 });
  }
  return [...counts.values()];
}

function family(name: string, type: MetricType, help: string, samples: readonly MetricSample[]): MetricFamily {
  return { name, type, help, samples };
}

/** The 99th percentile of the event loop's lag since the last reading. */
export function startEventLoopLag(): { readonly read: () => MetricFamily; readonly stop: () => void } {
  const histogram = monitorEventLoopDelay({ resolution: 20 });
  histogram.enable();
  return {
    read() {
      const value = histogram.percentile(99) / 1e9;
      histogram.reset();
      return family('weft_event_loop_lag_seconds', 'gauge', 'Event loop lag since the last scrape, 99th percentile.', [
        { value: Number.isFinite(value) ? value : 0 },
      ]);
    },
    stop: () => histogram.disable(),
  };
}
