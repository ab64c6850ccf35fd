import type { VirtualServiceObject } from '../../model/policy.ts';
import { rememberWith } from '../../model/remember.ts';
import type { Service } from '../../model/service.ts';
import { bySpecificity, hostCovers, isVisible, isWildcardHost, plainHost, resolveHost } from '../hosts.ts';
import type { ScopeTerms } from './reference-scope.ts';

/** VirtualServices by the hosts that they are about. */
export interface RuleIndex {
  readonly exact: ReadonlyMap<string, readonly VirtualServiceObject[]>;
  /** The most specific first. */
  readonly wildcards: readonly (readonly [string, VirtualServiceObject])[];
}

/** Remembered on the list. */
export const indexRules = rememberWith((objects: readonly VirtualServiceObject[], dnsSuffix: string): RuleIndex => {
  const exact = new Map<string, VirtualServiceObject[]>();
  const wildcards: (readonly [string, VirtualServiceObject])[] = [];
  for (const object of objects) {
    for (const host of hostsOf(object, dnsSuffix)) {
      if (isWildcardHost(host)) wildcards.push([host, object]);
      else {
        const others = exact.get(host);
        if (others) others.push(object);
        else exact.set(host, [object]);
      }
    }
  }
  return { exact, wildcards: wildcards.sort(([a], [b]) => bySpecificity(a, b)) };
});

/** P9: the VirtualService that acts for clients of a namespace. */
export function ruleOf(
  { exact, wildcards }: RuleIndex,
  service: Service,
  client: string,
): VirtualServiceObject | undefined {
  const host = plainHost(service.host);
  const seen = ({ spec, namespace }: VirtualServiceObject) => isVisible(spec.exportTo, namespace, client);
  const closest = (objects: readonly VirtualServiceObject[]) =>
    [...objects].filter(seen).sort((a, b) => closeness(b, client) - closeness(a, client))[0];
  const named = closest(exact.get(host) ?? []);
  if (named) return named;
  const [first] = wildcards.filter(([pattern, object]) => hostCovers(pattern, host) && seen(object));
  return first && closest(wildcards.filter(([pattern]) => pattern === first[0]).map(([, object]) => object));
}

const noRivals: readonly VirtualServiceObject[] = [];

/** What may act instead of an object: the others of the same hosts, and of those that its wildcards cover. */
export function rivalsIn(
  objects: readonly VirtualServiceObject[],
  { settings }: ScopeTerms,
): (object: VirtualServiceObject) => readonly VirtualServiceObject[] {
  const index = indexRules(objects, settings.dnsSuffix);
  return (object) => rivalsOf(index, object, settings.dnsSuffix);
}

function rivalsOf(
  { exact, wildcards }: RuleIndex,
  object: VirtualServiceObject,
  dnsSuffix: string,
): readonly VirtualServiceObject[] {
  const found = new Set<VirtualServiceObject>();
  for (const host of hostsOf(object, dnsSuffix)) {
    for (const other of exact.get(host) ?? []) found.add(other);
    if (!isWildcardHost(host)) continue;
    for (const [pattern, other] of wildcards) if (hostCovers(host, pattern)) found.add(other);
    for (const [name, others] of exact) if (hostCovers(host, name)) for (const other of others) found.add(other);
  }
  found.delete(object);
  return found.size === 0 ? noRivals : [...found];
}

/** P9: whether no rival goes before an object for clients of a namespace, which see the service. A tie, which is told, is none. */
export function isActing(
  object: VirtualServiceObject,
  rivals: readonly VirtualServiceObject[],
  service: Service,
  client: string,
  dnsSuffix: string,
): boolean {
  if (rivals.length === 0) return true;
  const host = plainHost(service.host);
  const bestOf = (one: VirtualServiceObject) =>
    isVisible(one.spec.exportTo, one.namespace, client)
      ? hostsOf(one, dnsSuffix)
          .filter((pattern) => hostCovers(pattern, host))
          .sort(bySpecificity)[0]
      : undefined;
  const own = bestOf(object);
  if (own === undefined) return false;
  return rivals.every((rival) => {
    const theirs = bestOf(rival);
    if (theirs === undefined) return true;
    return theirs === own ? closeness(rival, client) <= closeness(object, client) : bySpecificity(own, theirs) < 0;
  });
}

/** 2 private to the client's namespace, 1 exported to it by name, 0 public. */
function closeness({ namespace, spec }: VirtualServiceObject, client: string): number {
  if (spec.exportTo.length === 0 || spec.exportTo.includes('*')) return 0;
  return namespace === client ? 2 : 1;
}

function hostsOf({ namespace, spec }: VirtualServiceObject, dnsSuffix: string): readonly string[] {
  return [...new Set(spec.hosts.map((host) => resolveHost(host, namespace, dnsSuffix)))];
}
