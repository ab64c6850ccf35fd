import { compareText } from '../../model/compare-text.ts';
import type { Policy } from '../../model/policy.ts';
import { remember, rememberWith } from '../../model/remember.ts';
import type { Service } from '../../model/service.ts';
import type { Workload } from '../../model/workload.ts';
import { bySpecificity, hostCovers, isWildcardHost, plainHost, resolveHost } from '../hosts.ts';
import type { ReferenceScope } from './reference-scope.ts';

type OfKind<K extends Policy['kind']> = Extract<Policy, { kind: K }>;

const byKind = remember((policies: readonly Policy[]) => groupBy(policies, ({ kind }) => kind));
const byName = remember(
  (policies: readonly Policy[]) => new Map(policies.map((one) => [keyOf(one.kind, one.namespace, one.name), one])),
);
const workloadsByNamespace = remember((workloads: readonly Workload[]) =>
  groupBy(workloads, ({ namespace }) => namespace),
);
const objectsByNamespace = remember((objects: readonly Policy[]) => groupBy(objects, ({ namespace }) => namespace));

/** The objects of one kind, always the same list. */
export function objectsOf<K extends Policy['kind']>({ policies }: ReferenceScope, kind: K): readonly OfKind<K>[] {
  return (byKind(policies).get(kind) ?? none) as readonly OfKind<K>[];
}

/** Those of one namespace among them. */
export function objectsIn<K extends Policy['kind']>(
  scope: ReferenceScope,
  kind: K,
  namespace: string,
): readonly OfKind<K>[] {
  return (objectsByNamespace(objectsOf(scope, kind)).get(namespace) ?? none) as readonly OfKind<K>[];
}

/** The object of that name. */
export function objectNamed<K extends Policy['kind']>(
  { policies }: ReferenceScope,
  kind: K,
  namespace: string,
  name: string | undefined,
): OfKind<K> | undefined {
  return name === undefined ? undefined : (byName(policies).get(keyOf(kind, namespace, name)) as OfKind<K> | undefined);
}

/** The workloads of a namespace, always the same list; undefined where none are known. */
export function workloadsIn({ workloads }: ReferenceScope, namespace: string): readonly Workload[] | undefined {
  return workloads && (workloadsByNamespace(workloads).get(namespace) ?? noWorkloads);
}

/** The namespaces in which some of a list are. */
export const namespacesWith = remember(
  (list: readonly { readonly namespace: string }[]): ReadonlySet<string> =>
    new Set(list.map(({ namespace }) => namespace)),
);

/** `<namespace>/<account>` of every workload. */
export const accountsOf = remember(
  (workloads: readonly Workload[]): ReadonlySet<string> =>
    new Set(
      workloads.flatMap(({ namespace, serviceAccount }) =>
        serviceAccount === undefined ? [] : [`${namespace}/${serviceAccount}`],
      ),
    ),
);

/** Services by their host, and those that are wildcards. */
export const servicesByHost = remember((services: readonly Service[]) => ({
  byHost: groupBy(services, ({ host }) => plainHost(host)),
  wildcards: services.filter(({ host }) => isWildcardHost(host)),
}));

/** A DestinationRule, and the full host that it is about. */
export interface RuleOfHost {
  readonly host: string;
  readonly rule: OfKind<'DestinationRule'>;
}

interface RulesByHost {
  readonly exact: ReadonlyMap<string, readonly RuleOfHost[]>;
  /** The most specific first. */
  readonly wildcards: readonly RuleOfHost[];
}

/** The DestinationRules of all namespaces that cover a full host, the most specific first. */
export function rulesCovering({ policies, settings }: ReferenceScope, host: string): readonly RuleOfHost[] {
  const { exact, wildcards } = rulesByHost(policies, settings.dnsSuffix);
  const own = exact.get(host) ?? [];
  const wider = wildcards.filter((one) => hostCovers(one.host, host));
  return wider.length === 0 ? own : [...own, ...wider];
}

const rulesByHost = rememberWith((policies: readonly Policy[], dnsSuffix: string): RulesByHost => {
  const all = policies.flatMap((rule): RuleOfHost[] =>
    rule.kind === 'DestinationRule' ? [{ host: resolveHost(rule.spec.host, rule.namespace, dnsSuffix), rule }] : [],
  );
  const wildcards = all.filter(({ host }) => isWildcardHost(host));
  return {
    exact: groupBy(
      all.filter(({ host }) => !isWildcardHost(host)),
      ({ host }) => host,
    ),
    wildcards: wildcards.sort((a, b) => bySpecificity(a.host, b.host)),
  };
});

/** The services that a canonical host covers, in the order of their keys; with `both`, also those wildcards that cover it. */
export function servicesCovered(scope: ReferenceScope, host: string, both = false): readonly Service[] {
  const { byHost, wildcards, services = [] } = scope;
  if (isWildcardHost(host)) {
    return services.filter((service) => hostCovers(host, service.host) || (both && hostCovers(service.host, host)));
  }
  const exact = byHost.get(host) ?? [];
  const wider = both ? wildcards.filter((service) => service.host !== host && hostCovers(service.host, host)) : [];
  return wider.length === 0 ? exact : [...exact, ...wider].sort((a, b) => compareText(a.key, b.key));
}

export function groupBy<T, K extends string>(items: readonly T[], keyOf: (item: T) => K): ReadonlyMap<K, readonly T[]> {
  const groups = new Map<K, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group) group.push(item);
    else groups.set(key, [item]);
  }
  return groups;
}

const none: readonly Policy[] = [];
const noWorkloads: readonly Workload[] = [];

function keyOf(kind: string, namespace: string, name: string): string {
  return `${kind}/${namespace}/${name}`;
}
