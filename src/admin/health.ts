import type { ProxyStatus } from '../model/status.ts';
import { nowhere, ownSidecar } from '../model/traffic.ts';
import type { AdminSource } from './admin-source.ts';
import { idOf } from './own-view.ts';
import { pendingWords } from './pending-words.ts';

export type HealthState = 'Healthy' | 'Progressing' | 'Degraded' | 'Missing' | 'Unknown';

export interface HealthReport {
  readonly state: HealthState;
  /** Why it is not Healthy, worst first. */
  readonly reasons: readonly string[];
}

/** Share of good answers that a service should keep, and over which time it is looked at. */
const goal = 0.99;
const windowMilliseconds = 60_000;

/** The words of experience.md's introduction: what calls and proxies say about the mesh right now. */
export function healthOf(source: AdminSource): HealthReport {
  const readiness = source.readiness();
  if (!readiness.ready) return { state: 'Unknown', reasons: readiness.waitingFor };
  const proxies = source.proxies();
  const refused = proxies.filter((proxy) => proxy.status === 'REJECTED');
  const reasons = [
    ...failingServices(source),
    ...refused.filter((proxy) => !isWithheld(proxy)).map((proxy) => `${idOf(proxy)} refused its configuration`),
    ...withheldWords(refused.filter(isWithheld)),
  ];
  if (reasons.length > 0) return { state: 'Degraded', reasons };
  const waiting = proxies.filter((proxy) => proxy.status === 'PENDING' || proxy.status === 'STALE');
  const unready = proxies.flatMap((proxy) =>
    proxy.trouble === undefined ? [] : [`${idOf(proxy)} is not ready: ${proxy.trouble.reason}`],
  );
  if (waiting.length + unready.length > 0) {
    return {
      state: 'Progressing',
      reasons: [...pendingWords(waiting), ...unready],
    };
  }
  if (proxies.length === 0) return { state: 'Missing', reasons: ['no proxy is connected'] };
  return { state: 'Healthy', reasons: [] };
}

/** It refused nothing itself, and is not offered what an equal one refused (X38). */
function isWithheld({ types }: ProxyStatus): boolean {
  const errors = Object.values(types).flatMap(({ error }) => error ?? []);
  return errors.every(({ refusedBy }) => refusedBy !== undefined);
}

function withheldWords(proxies: readonly ProxyStatus[]): readonly string[] {
  const [first] = proxies;
  if (first === undefined) return [];
  const more = proxies.length === 1 ? ' is' : ` and ${proxies.length - 1} more are`;
  return [`${idOf(first)}${more} not offered what another proxy refused`];
}

/** Callees whose share of good answers, over all callers, is below the goal. */
function failingServices(source: AdminSource): readonly string[] {
  const byCallee = new Map<string, { callee: string; calls: number; good: number }>();
  for (const { to, toNamespace, requests, success, beside } of source.edges(windowMilliseconds)) {
    // What no program asked is no call that failed.
    if (beside !== undefined) continue;
    // A host that nobody serves: a mistake of the caller, which says nothing about any member.
    if (to === nowhere || to === ownSidecar) continue;
    const key = `${toNamespace}/${to}`;
    const sum = byCallee.get(key) ?? { callee: to, calls: 0, good: 0 };
    byCallee.set(key, { callee: to, calls: sum.calls + requests, good: sum.good + requests * success });
  }
  return [...byCallee.values()]
    .map(({ callee, calls, good }) => ({ callee, share: calls === 0 ? 1 : good / calls }))
    .filter(({ share }) => share < goal)
    .sort((a, b) => a.share - b.share)
    .map(({ callee, share }) => `${callee} ${(share * 100).toFixed(1)}% in the last minute (goal ${goal * 100}%)`);
}
