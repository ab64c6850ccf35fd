import { re2Matches } from '../../src/policy/re2-match.ts';
import type { Condition, WrittenMatch, WrittenRule } from './routes-world.ts';

/*
 * P10 to P12 once more, from the rules as they were written: `decideCall` and Envoy both stand on what was resolved from them, so an order or
 * a condition that is lost on the way would be lost to both.
 */

/** What a rule can look at. */
export interface WrittenRequest {
  readonly method: string;
  readonly authority: string;
  readonly scheme: string;
  /** Without its query. */
  readonly path: string;
  readonly query: string;
  /** By lower-case name. */
  readonly headers: ReadonlyMap<string, readonly string[]>;
  /** The port that is called. */
  readonly port: number;
  readonly caller: { readonly namespace: string; readonly labels: Readonly<Record<string, string>> };
}

/** The index of the first rule that takes the request; `service`: no rule is for this caller and port; `none`: 404. */
export function firstRule(rules: readonly WrittenRule[], request: WrittenRequest): number | 'service' | 'none' {
  const left = rules.map(({ match }) => match?.filter((one) => isFor(one, request)));
  if (left.every((matches) => matches?.length === 0)) return 'service';
  const taken = left.findIndex((matches) => matches === undefined || matches.some((one) => takes(one, request)));
  return taken < 0 ? 'none' : taken;
}

function isFor({ port, sourceNamespace, sourceLabels = {} }: WrittenMatch, { port: called, caller }: WrittenRequest) {
  return (
    (port ?? called) === called &&
    (sourceNamespace ?? caller.namespace) === caller.namespace &&
    Object.entries(sourceLabels).every(([name, value]) => caller.labels[name] === value)
  );
}

function takes(match: WrittenMatch, { method, authority, scheme, path, query, headers }: WrittenRequest): boolean {
  const valuesOf = (name: string) =>
    name.toLowerCase() === 'host' ? [authority] : (headers.get(name.toLowerCase()) ?? []);
  const parameters = parametersOf(query);
  return (
    fitsPath(match, path) &&
    fits(match.method, method) &&
    fits(match.authority, authority) &&
    fits(match.scheme, scheme) &&
    Object.entries(match.headers ?? {}).every(([name, wanted]) =>
      valuesOf(name).some((value) => fits(wanted, value)),
    ) &&
    Object.entries(match.withoutHeaders ?? {}).every(
      ([name, unwanted]) => !valuesOf(name).some((value) => fits(unwanted, value)),
    ) &&
    Object.entries(match.queryParams ?? {}).every(([name, wanted]) => {
      const value = parameters.get(name);
      return value !== undefined && fits(wanted, value);
    })
  );
}

/** Of a parameter that comes twice, the first one. */
function parametersOf(query: string): ReadonlyMap<string, string> {
  const pairs = query.split('&').map((part) => {
    const [name = '', ...rest] = part.split('=');
    return [name, rest.join('=')] as const;
  });
  return new Map(pairs.toReversed());
}

function fitsPath({ uri, ignoreUriCase }: WrittenMatch, path: string): boolean {
  if (uri === undefined || ignoreUriCase !== true || uri.regex !== undefined) return fits(uri, path);
  const [exact, prefix] = [uri.exact, uri.prefix].map((text) => text?.toLowerCase());
  return fits(
    { ...(exact === undefined ? {} : { exact }), ...(prefix === undefined ? {} : { prefix }) },
    path.toLowerCase(),
  );
}

/** `{}`: it is there. */
function fits(condition: Condition | undefined, value: string): boolean {
  if (condition?.exact !== undefined) return value === condition.exact;
  if (condition?.prefix !== undefined) return value.startsWith(condition.prefix);
  return condition?.regex === undefined || re2Matches(condition.regex, value);
}
