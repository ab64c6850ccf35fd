import type { EdgeRow, Tally, VersionShare } from '../model/traffic.ts';
import { anyone, heldOutBy, nowhere, outside, ownSidecar, ownUses, tlsTroubles } from '../model/traffic.ts';
import type { Distribution } from './distribution.ts';
import { addDistribution, emptyDistribution, quantile } from './distribution.ts';
import type { Series } from './series.ts';
import { succeeded } from './series.ts';
import type { Gained, Recent } from './traffic-store.ts';

/**
 * Who calls whom, from what both sides counted: one row for each pair of services and kind of protocol, callers outside first, then by
 * names. The caller's side is believed, as it alone sees the calls that failed on the way and the time they took; the callee's side
 * tells of callers that have no sidecar, or whose sidecar does not report, and of the connections that it turned away: for the caller's
 * side they began well and ended. What no program asked has rows of its own.
 */
export function edgesOf(recent: Recent): readonly EdgeRow[] {
  const reporting = new Set(
    recent.gained.filter(({ series }) => series.reporter === 'source').map(({ series }) => partyKey(series.source)),
  );
  const groups = new Map<string, Gained[]>();
  const turnedAway = new Map<string, Gained[]>();
  const heard = new Map<string, Gained[]>();
  for (const item of recent.gained) {
    const { series } = item;
    const twice = series.reporter === 'destination' && reporting.has(partyKey(series.source));
    const kind = `${series.protocol === 'tcp' ? 'tcp' : 'http'} ${series.beside ?? ''}`;
    const key = [partyKey(series.source), partyKey(series.destination), kind].join('\n');
    const list = !twice ? groups : series.refused === undefined ? heard : turnedAway;
    const group = list.get(key);
    if (group) group.push(item);
    else list.set(key, [item]);
  }
  // What the caller's side does not count, or not yet, is told by the callee's alone.
  const alone = [...turnedAway].filter(([key]) => !groups.has(key));
  const rows = [...groups].map(([key, group]) => {
    const row = rowOf(group, turnedAway.get(key) ?? [], recent.span);
    // Where no program of the caller called, all that the callee heard was its sidecar: that tells codes, times and mTLS.
    const ofPrograms = key.slice(0, -'own'.length);
    const answered = row.beside === 'own' && !groups.has(ofPrograms) ? heard.get(ofPrograms) : undefined;
    return answered === undefined ? row : { ...rowOf(answered, [], recent.span), ...besideOf('own', group) };
  });
  return [...rows, ...alone.map(([, group]) => rowOf(group, [], recent.span))]
    .filter((row) => row.requests > 0)
    .map((row) => (row.beside === undefined ? withTroubles(row, recent.troubles) : row))
    .sort(byEnds);
}

/** With what the caller's sidecars hold out of the callee's endpoints, and why they got no TLS of it. */
function withTroubles(row: EdgeRow, troubles: Recent['troubles']): EdgeRow {
  const own = troubles.filter(
    ({ proxy, destination }) =>
      proxy.service === row.from &&
      proxy.namespace === row.fromNamespace &&
      destination?.service === row.to &&
      destination.namespace === row.toNamespace,
  );
  if (own.length === 0) return row;
  const out = heldOutBy((why) => own.flatMap((each) => each[why] ?? []).sort((a, b) => b.endpoints - a.endpoints)[0]);
  const counts = tlsTroubles.map((name) => ({
    name,
    count: own.reduce((all, { tls }) => all + (tls.get(name) ?? 0), 0),
  }));
  // Who is not allowed at a port for bytes is turned away in the handshake (P45): that is no trouble of TLS.
  const counted = counts.map(({ name, count }) => ({
    name,
    count: name === 'handshake' && row.protocol === 'tcp' ? Math.max(0, count - (row.refused ?? 0)) : count,
  }));
  const failures = counted.filter(({ count }) => count > 0).sort((a, b) => b.count - a.count);
  return {
    ...row,
    ...out,
    ...(failures.length === 0 ? {} : { tlsFailures: failures }),
  };
}

/** `turnedAway`: what the callee's side refused of what the caller's side counted in `group`. */
function rowOf(group: readonly Gained[], turnedAway: readonly Gained[], span: number): EdgeRow {
  const { source, destination, protocol, reporter, beside } = group[0]?.series ?? never();
  const requests = sum(group, () => true);
  const began = sum(group, succeeded);
  // Both sides report by their own clocks: at the edges of a window one may be ahead.
  const ended = Math.min(
    began,
    sum(turnedAway, () => true),
  );
  const refused = ended + sum(group, (series) => series.refused !== undefined);
  const durations = emptyDistribution();
  for (const { gain } of group) if (gain.durations) addDistribution(durations, gain.durations);
  const mtls = source.service === outside || refused === requests ? undefined : mutual(group);
  return {
    from: source.service,
    ...(source.namespace === '' ? {} : { fromNamespace: source.namespace }),
    to: destination.service,
    ...(destination.namespace === '' ? {} : { toNamespace: destination.namespace }),
    protocol: protocol === 'tcp' ? 'tcp' : 'http',
    requests,
    rps: (requests * 1000) / span,
    success: requests === 0 ? 1 : (began - ended) / requests,
    ...(refused === 0 ? {} : { refused }),
    ...percentiles(durations),
    ...(mtls === undefined ? {} : { mtls }),
    ...(group.some(({ series }) => series.begunTls) ? { tls: 'sidecar' as const } : {}),
    ...besideOf(beside, group),
    split: splitOf(group),
    flags: tallies(group, (series) => series.flags, '-'),
    codes: beside === 'DENY' || beside === 'ALLOW' ? [] : tallies(group, (series) => series.code, ''),
    reporter,
  };
}

function besideOf(beside: Series['beside'], group: readonly Gained[]): Pick<EdgeRow, 'beside' | 'uses' | 'dryRun'> {
  if (beside === undefined) return {};
  if (beside === 'cut') return { beside };
  if (beside === 'own') {
    const all = new Set(group.flatMap(({ series }) => series.uses ?? []));
    return { beside, uses: ownUses.filter((use) => all.has(use)) };
  }
  return { beside: 'dry-run', dryRun: { action: beside, refused: sum(group, ({ code }) => code === 'refused') } };
}

function never(): never {
  throw new RangeError('an edge without series');
}

function sum(group: readonly Gained[], counts: (series: Series) => boolean): number {
  return group.reduce((all, { series, gain }) => (counts(series) ? all + gain.requests : all), 0);
}

function percentiles(durations: Distribution): Pick<EdgeRow, 'p50' | 'p95' | 'p99'> {
  const [p50, p95, p99] = [0.5, 0.95, 0.99].map((q) => quantile(durations, q));
  return p50 === undefined || p95 === undefined || p99 === undefined ? {} : { p50, p95, p99 };
}

/** True if all calls that got through were encrypted, false if any was not, undefined if none got through. */
function mutual(group: readonly Gained[]): boolean | undefined {
  const reached = group.filter(({ series, gain }) => series.mtls !== undefined && gain.requests > 0);
  return reached.length === 0 ? undefined : reached.every(({ series }) => series.mtls === true);
}

function splitOf(group: readonly Gained[]): readonly VersionShare[] {
  const counts = countBy(group, (series) => series.destination.version, '');
  const all = [...counts.values()].reduce((a, b) => a + b, 0);
  return [...counts]
    .map(([version, requests]) => ({ version, requests, share: requests / all }))
    .sort((a, b) => (a.version < b.version ? -1 : 1));
}

const talliesShown = 5;

function tallies(group: readonly Gained[], name: (series: Series) => string, skip: string): readonly Tally[] {
  return [...countBy(group, name, skip)]
    .map(([text, count]) => ({ name: text, count }))
    .sort((a, b) => b.count - a.count || (a.name < b.name ? -1 : 1))
    .slice(0, talliesShown);
}

function countBy(group: readonly Gained[], name: (series: Series) => string, skip: string): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { series, gain } of group) {
    const text = name(series);
    if (text !== skip && gain.requests > 0) counts.set(text, (counts.get(text) ?? 0) + gain.requests);
  }
  return counts;
}

function partyKey(party: Series['source']): string {
  return `${party.namespace}/${party.service}`;
}

function byEnds(a: EdgeRow, b: EdgeRow): number {
  const rank = (row: EdgeRow) =>
    `${row.from === outside ? 0 : row.from === anyone ? 2 : 1}\n${row.fromNamespace ?? ''}\n${row.from}\n${row.to === nowhere || row.to === ownSidecar ? 1 : 0}\n${row.to}\n${row.protocol}\n${row.beside ?? ''}${row.dryRun?.action ?? ''}`;
  const [left, right] = [rank(a), rank(b)];
  return left < right ? -1 : left > right ? 1 : 0;
}
