import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { type LoadReport, latenessOf, startLoad } from './load.ts';
import { type Member, type Variant, variants } from './member.ts';
import type { TestMesh } from './test-mesh.ts';

/** The long form of the proofs, for `npm run promises`: the same code with larger counts. */
export const isLong = process.env.WEFT_LONG === '1';

/** How often, in `npm test` and in the long form. */
export function times(short: number, long: number): number {
  return isLong ? long : short;
}

/** One caller of each variant, side by side in one mesh: what holds for both is proved in the time of one. */
export async function joinCallers(mesh: TestMesh, envoyFlags: readonly string[] = []): Promise<readonly Member[]> {
  const join = (variant: Variant) =>
    mesh.join({ service: 'frontend', name: `frontend-${variant}`, variant, envoyFlags });
  const members = await Promise.all(variants.map(join));
  const spoken = new Map(
    mesh
      .controlPlane()
      .values.streams()
      .map(({ proxyId, variant }) => [proxyId, variant]),
  );
  expect(members.map(({ id }) => spoken.get(id))).toEqual(variants);
  return members;
}

/** Open-loop load from every caller to a port of a service; `rate` requests per second in all. */
export function loadFrom(callers: readonly Member[], mesh: TestMesh, service: string, rate: number) {
  const port = mesh.localPort(service, 80);
  const loads = callers.map(({ address }) => startLoad({ host: address, port }, rate / callers.length));
  return {
    /** Waits until every caller has had so many more answers. */
    more: (requests: number) => Promise.all(loads.map((load) => load.more(requests))),
    /** What each caller saw; prints it under the rule's number, with `note`. */
    async stop(rule: string, note = ''): Promise<readonly LoadReport[]> {
      const reports = await Promise.all(loads.map((load) => load.stop()));
      const late = latenessOf(reports);
      for (const [at, { sent, succeeded }] of reports.entries())
        promise(rule, `${callers[at]?.id}: ${sent} sent, ${sent - succeeded} failed, ${late}${note}`);
      return reports;
    },
  };
}

/** A line of numbers that stands for a rule; `npm run promises` collects them. */
export function promise(rule: string, text: string): void {
  console.log(`promise ${rule}: ${text}`);
}

/** Nothing failed, and each answer came from one of these. */
export function expectAllAnswered(reports: readonly LoadReport[], ...answers: readonly string[]): void {
  for (const report of reports) {
    expect(report.failures).toEqual({});
    expect(report.succeeded).toBe(report.sent);
    for (const answer of Object.keys(report.answers)) expect(answers).toContain(answer);
  }
}

/** How long, in milliseconds, clusters or listeners were warming at a stretch: looked at again and again until `stop`. */
export function watchWarming(members: readonly Member[]) {
  const over = new AbortController();
  const filter = '^(cluster_manager\\.warming_clusters|listener_manager\\.total_listeners_warming)$';
  const watch = async (member: Member): Promise<number> => {
    let since: number | undefined;
    let longest = 0;
    while (!over.signal.aborted) {
      const asked = performance.now();
      const stats = await member.stats(filter).catch(() => undefined);
      // It is gone: the test has failed elsewhere.
      if (stats === undefined) break;
      if ([...stats.values()].every((value) => value === 0)) since = undefined;
      else since ??= asked;
      if (since !== undefined) longest = Math.max(longest, performance.now() - since);
      await sleep(20);
    }
    return longest;
  };
  const watching = members.map(watch);
  return {
    async stop(): Promise<number> {
      over.abort();
      return Math.max(...(await Promise.all(watching)));
    },
  };
}

/** What must be 0 at a caller that nothing but good changes came to: trouble of xDS, and requests that met a missing cluster (X91). */
const troubles =
  '(update_rejected|init_fetch_timeout|listener_create_failure|lds_bind_fail|response_flags\\.[^.]*(NC|UH|NR|UF))';

/** The names and values of all troubles that a member counted. */
export async function troublesOf(member: Member): Promise<readonly string[]> {
  const stats = await member.stats(troubles);
  return [...stats].filter(([, value]) => value > 0).map(([name, value]) => `${member.id} ${name} ${value}`);
}

/** Counters of change: `listener_modified`, `cluster_removed` … by member and name. */
export async function changesOf(members: readonly Member[], names: string): Promise<Readonly<Record<string, number>>> {
  const each = await Promise.all(
    members.map(async (member) => {
      const stats = await member.stats(`^(listener_manager|cluster_manager)\\.(${names})$`);
      return [...stats].map(([name, value]) => [`${member.id} ${name}`, value] as const);
    }),
  );
  return Object.fromEntries(each.flat());
}
