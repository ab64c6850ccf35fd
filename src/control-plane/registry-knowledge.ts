import type { RegistryKnowledge } from '../model/registry-knowledge.ts';
import { sortedMap } from '../model/sorted-map.ts';
import { finish } from '../model/steps.ts';
import type { AwayServices } from '../registry/known-services.ts';
import { type CheckedAgainst, createBetweenObjects } from './between-objects.ts';
import type { Foreseen } from './callers-of-last-hour.ts';
import type { PolicyState } from './policy-source.ts';
import { type Mistakes, standingOf } from './standing-errors.ts';

/** What a server knows at the moment of the question. */
export function createRegistryKnowledge(
  served: () => PolicyState['served'],
  against: () => CheckedAgainst,
  letIn: () => Foreseen,
  widening: 'allow' | 'marked' = 'allow',
): () => RegistryKnowledge {
  const check = createBetweenObjects();
  return () => {
    const [now, beside] = [served(), against()];
    const { away, expected = [] } = beside;
    const found = now === undefined ? [] : finish(check(now.policies, beside)).found;
    const standing = standingOf(found, now?.isUnjudged ?? false);
    const { commit, held = [] } = now?.revision ?? {};
    return {
      isHistory: away?.isHistory ?? false,
      away: [...(away?.workloads.values() ?? [])],
      ports: [...(away?.ports ?? [])].map(([service, ports]) => ({ service, ports })),
      expected: [...expected].sort(),
      standing: [...standing].map(([mistake, fields]) => ({ mistake, fields: [...fields] })),
      ...letIn(),
      ...(widening === 'marked' && commit !== undefined && { marked: { commit, held } }),
    };
  };
}

/** What a check needs of the knowledge of a server. */
export function checkedWith({ isHistory, away, ports, expected, standing }: RegistryKnowledge): {
  readonly away: () => AwayServices;
  readonly expected: () => ReadonlySet<string>;
  readonly standing: () => Mistakes;
} {
  const once: AwayServices = {
    isHistory,
    workloads: sortedMap(away.map((workload) => [workload.id, workload])),
    ports: new Map(ports.map((one) => [one.service, one.ports])),
  };
  const [hosts, mistakes] = [
    new Set(expected),
    new Map(standing.map(({ mistake, fields }) => [mistake, new Set(fields)])),
  ];
  return { away: () => once, expected: () => hosts, standing: () => mistakes };
}
