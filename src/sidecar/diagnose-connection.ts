import { Failure } from '../model/failure.ts';
import type { Stats } from './envoy-admin.ts';
import { parseRefusal } from './refusal.ts';

/** The statistics that diagnoseConnection reads, as a filter for the admin endpoint. */
export const connectionStats =
  '^(control_plane\\.connected_state|cluster\\.xds\\.(ssl\\.(fail_verify_san|fail_verify_error|connection_error)|upstream_cx_(connect_fail|total|active)|membership_total))$';

/**
 * Why Envoy has no stream to the control plane; undefined when it has one, or when there is nothing to go by yet (E4).
 * `counters` are those of this Envoy since the last time it was connected; `logLines` its log since then, oldest first; `where` is
 * the control plane as the user wrote it. A refused token is only in the log, a certificate or a closed port only in the counters.
 */
export function diagnoseConnection(counters: Stats, logLines: readonly string[], where: string): Failure | undefined {
  if (counters.get('control_plane.connected_state') === 1) return undefined;
  const count = (name: string) => counters.get(`cluster.xds.${name}`) ?? 0;
  // A failed handshake counts as a failed connection as well, so the certificate is looked at first.
  if (count('ssl.fail_verify_error') > 0) return notPinned(where);
  if (count('ssl.fail_verify_san') > 0)
    return new Failure(
      'WEFT0304',
      `the certificate of ${where} is not that of a control plane (its name is not "xds.weft")`,
      'point --cp at the xDS port (15012 by default), not at another service of the mesh',
      where,
    );
  const refused = lastRefusal(logLines);
  if (refused !== undefined) return parseRefusal(refused, where);
  if (count('ssl.connection_error') > 0)
    return new Failure(
      'WEFT0901',
      `${where} does not speak TLS 1.3`,
      'point --cp at the xDS port (15012 by default)',
      where,
    );
  if (count('upstream_cx_connect_fail') > 0)
    return new Failure(
      'WEFT0901',
      `nothing answers on ${where}`,
      'start the control plane there (weft up), or correct --cp; Envoy keeps trying',
      where,
    );
  if (count('membership_total') === 0 && logLines.some((line) => line.includes('no_healthy_upstream')))
    return new Failure(
      'WEFT0901',
      `DNS knows no address for ${where}`,
      'correct --cp, or the resolver of this machine',
      where,
    );
  return undefined;
}

/** Somebody else answers there, or the CA was replaced. */
export function notPinned(where: string): Failure {
  return new Failure(
    'WEFT0304',
    `the certificate of ${where} is not signed by the CA that the token pins`,
    'is this the right control plane? if its CA was replaced, make a new token: weft token create --service NAME',
    where,
  );
}

/** Counters as they moved since `earlier`; gauges (`connected_state`, `…_active`, `…_total` of members) as they are. */
export function countersSince(earlier: Stats, now: Stats): Stats {
  const isGauge = (name: string) => /connected_state$|_active$|membership_total$/.test(name);
  return new Map([...now].map(([name, value]) => [name, isGauge(name) ? value : value - (earlier.get(name) ?? 0)]));
}

/** Whether Envoy says in a line of its log that a stream to the control plane was closed. */
export function isStreamEnd(line: string): boolean {
  return line.includes('gRPC config stream to xds closed');
}

/** The words of the newest line in which Envoy says that the stream was closed as unauthenticated (16) or not permitted (7). */
function lastRefusal(logLines: readonly string[]): string | undefined {
  for (const line of [...logLines].reverse()) {
    const words = /gRPC config stream to xds closed[^:]*: (?:16|7), (.*)$/.exec(line)?.[1];
    if (words !== undefined) return words;
  }
  return undefined;
}
