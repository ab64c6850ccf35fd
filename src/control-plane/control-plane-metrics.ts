import type { MetricFamily } from '../admin/admin-source.ts';
import { type XdsType, xdsTypes } from '../model/status.ts';
import type { JoinedStatus } from '../registry/joined-proxies.ts';
import { resolveCounters } from '../resolve/counters.ts';
import { encodeCounter } from '../xds/resource.ts';
import type { PolicyState } from './policy-source.ts';
import { type Refusals, withheldCounts } from './refused-resources.ts';
import { urlOf } from './xds-types.ts';

/** Of the reports of probes, since the start. */
export interface HealthFigures {
  readonly changes: number;
  /** Reports that came faster than health may change. */
  readonly held: number;
  /** Reports that came too fast to be looked at. */
  readonly refused: number;
}

/** What only the running parts can count (section 6 of experience.md); gauges that follow from shown values are made by admin. */
export function controlPlaneMetrics(parts: {
  readonly policies: PolicyState;
  readonly joined: JoinedStatus;
  readonly overflow: number;
  /** Service ports that got no local port, as the range is full. */
  readonly withoutLocalPort: number;
  /** NACKs by type URL since the start. */
  readonly nacks: ReadonlyMap<string, number>;
  readonly refusals: Refusals;
  /** To proxies, since the start. */
  readonly sent: { readonly responses: number; readonly bytes: number };
  /** Absent: nobody is probed. */
  readonly health?: HealthFigures & { readonly unhealthy: number };
}): readonly MetricFamily[] {
  const { policies, joined, overflow, withoutLocalPort, nacks, refusals, sent } = parts;
  const { health = { unhealthy: 0, changes: 0, held: 0, refused: 0 } } = parts;
  const one = (name: string, type: 'counter' | 'gauge', help: string, value: number): MetricFamily => ({
    name,
    type,
    help,
    samples: [{ value }],
  });
  const byType = (name: string, type: 'counter' | 'gauge', help: string, values: (of: XdsType) => number) => ({
    name,
    type,
    help,
    samples: xdsTypes.map((of) => ({ labels: { type: of.toLowerCase() }, value: values(of) })),
  });
  const withheld = withheldCounts(refusals);
  return [
    byType(
      'pilot_total_xds_rejects',
      'counter',
      'Responses that proxies refused.',
      (type) => nacks.get(urlOf[type]) ?? 0,
    ),
    byType(
      'weft_xds_quarantined',
      'gauge',
      'Resources that were refused, wanted now, and are withheld until they change.',
      (type) => withheld.get(type) ?? 0,
    ),
    one('galley_validation_passed', 'counter', 'Policy revisions that were found good.', policies.checks.passed),
    one('galley_validation_failed', 'counter', 'Policy revisions that were rejected.', policies.checks.failed),
    one(
      'weft_check_seconds',
      'gauge',
      'Time that the check of the newest revision took.',
      policies.checkMilliseconds / 1000,
    ),
    one(
      'weft_resources_encoded_total',
      'counter',
      'Resources turned into bytes: once each, whoever receives them.',
      encodeCounter.resources,
    ),
    one('weft_xds_responses_total', 'counter', 'Responses sent to proxies.', sent.responses),
    one('weft_xds_resource_bytes_total', 'counter', 'Bytes of the resources sent to proxies.', sent.bytes),
    one(
      'weft_views_resolved_total',
      'counter',
      'Outbound halves put together, one for a scope.',
      resolveCounters.views,
    ),
    one('weft_services_resolved_total', 'counter', 'Services whose policies were decided.', resolveCounters.services),
    one('weft_registry_withheld_removals', 'gauge', 'Workloads that self-preservation keeps.', joined.withheldRemovals),
    one('weft_workloads_unhealthy', 'gauge', 'Workloads that their probes call unhealthy.', health.unhealthy),
    one('weft_health_changes_total', 'counter', 'Changes of health that probes reported.', health.changes),
    one(
      'weft_health_held_total',
      'counter',
      'Reports of health that came within a second of a change: the last of them counts, later.',
      health.held,
    ),
    one('weft_health_refused_total', 'counter', 'Questions about health that came too often.', health.refused),
    one(
      'weft_local_ports_missing',
      'gauge',
      'Service ports that got no local port: the range is full.',
      withoutLocalPort,
    ),
    one('weft_telemetry_dropped_total', 'counter', 'Samples dropped, as there were too many series.', overflow),
  ];
}
