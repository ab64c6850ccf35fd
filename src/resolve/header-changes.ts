import { compareText } from '../model/compare-text.ts';
import type { HeaderChange, HeaderChanges } from '../model/ir-route.ts';
import type { HeaderOperations, HeaderRules } from '../model/virtual-service.ts';

/** What header rules say, parted in changes and the authority that `host` or `:authority` among them rewrites (P18). */
export interface ResolvedHeaders {
  readonly changes?: HeaderChanges;
  readonly authority?: { readonly value: string; readonly operation: 'set' | 'add'; readonly name: string };
}

/** P18. Names in lower case and in the order of names: the order of a map means nothing (P51). */
export function resolveHeaders(rules: HeaderRules | undefined): ResolvedHeaders {
  if (rules === undefined) return {};
  const authority = authorityOf(rules.request, 'set') ?? authorityOf(rules.request, 'add');
  const changes = { request: headerChange(rules.request, isAuthority), response: headerChange(rules.response) };
  const empty = isEmpty(changes.request) && isEmpty(changes.response);
  return { ...(empty ? {} : { changes }), ...(authority && { authority }) };
}

function headerChange(operations: HeaderOperations, skip: (name: string) => boolean = () => false): HeaderChange {
  const pairs = (values: Readonly<Record<string, string>>) =>
    Object.entries(values)
      .map(([name, value]) => [name.toLowerCase(), value] as const)
      .filter(([name]) => !skip(name))
      .sort(([a, x], [b, y]) => compareText(a, b) || compareText(x, y));
  return {
    set: pairs(operations.set),
    add: pairs(operations.add),
    remove: [...new Set(operations.remove.map((name) => name.toLowerCase()))].sort(compareText),
  };
}

function authorityOf(operations: HeaderOperations, operation: 'set' | 'add'): ResolvedHeaders['authority'] {
  const [entry] = Object.entries(operations[operation])
    .filter(([name]) => isAuthority(name.toLowerCase()))
    .sort(([a], [b]) => compareText(a, b));
  return entry && { value: entry[1], operation, name: entry[0] };
}

function isAuthority(name: string): boolean {
  return name === 'host' || name === ':authority';
}

function isEmpty({ set, add, remove }: HeaderChange): boolean {
  return set.length === 0 && add.length === 0 && remove.length === 0;
}
