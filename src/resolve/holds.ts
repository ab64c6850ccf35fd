import type { Condition } from '../model/ir-inbound.ts';
import type { TextMatch } from '../model/ir-route.ts';
import { holdsAddress } from '../policy/address-range.ts';
import { re2Matches } from '../policy/re2-match.ts';
import { matchesText } from './request-match.ts';
import { splitQuery } from './request-path.ts';

/** A claim of a token as JSON has it. */
export type ClaimValue =
  | null
  | boolean
  | number
  | string
  | readonly ClaimValue[]
  | { readonly [key: string]: ClaimValue };

/** A call as the sidecar of the called workload sees it. What is absent is not known; `null`: there is none. */
export interface SeenCall {
  /** The caller's SPIFFE ID without `spiffe://`; `null`: it called in plaintext. */
  readonly principal?: string | null;
  /** The connection's own address. */
  readonly sourceAddress?: string;
  /** The last of `x-forwarded-for`, which the caller writes; else the connection's own. */
  readonly remoteAddress?: string;
  /** Where the connection arrived. */
  readonly destinationAddress?: string;
  /** What TLS asked for; `null`: it named none, or there was no TLS. */
  readonly serverName?: string | null;
  readonly method?: string;
  readonly authority?: string;
  /** After P47, with its query. */
  readonly path?: string;
  /** By lower-case name, each with its values. */
  readonly headers?: ReadonlyMap<string, readonly string[]>;
  /** Those of the token that was verified; `null`: there was none. */
  readonly claims?: Readonly<Record<string, ClaimValue>> | null;
}

/** Undefined: what is known of the call does not decide it. */
export type Truth = boolean | undefined;

/**
 * Whether a condition holds for a call, as Envoy 1.40 has it of what translation makes of the condition (P39, P41);
 * test/property/authorization-envoy.test.ts shows that they agree. Throws Failure WEFT0921 as `re2Matches` does.
 */
export function holds(condition: Condition, call: SeenCall): Truth {
  switch (condition.kind) {
    case 'always':
      return true;
    case 'never':
      return false;
    case 'all':
      return every(condition.of.map((each) => holds(each, call)));
    case 'any':
      return some(condition.of.map((each) => holds(each, call)));
    case 'not':
      return negated(holds(condition.of, call));
    case 'principal':
      return known(call.principal, (text) => principalMatches(condition.match, text));
    case 'source-address':
      return known(call.sourceAddress, (address) => holdsAddress(condition.cidr, address));
    case 'remote-address':
      return known(call.remoteAddress, (address) => holdsAddress(condition.cidr, address));
    case 'destination-address':
      return known(call.destinationAddress, (address) => holdsAddress(condition.cidr, address));
    case 'server-name':
      return known(call.serverName, (text) => matchesText(condition.match, text));
    case 'header':
      return headerHolds(condition.name, condition.match, call);
    case 'host':
      return known(call.authority, (authority) => hostMatches(condition.match, authority));
    case 'method':
      return known(call.method, (text) => matchesText(condition.match, text));
    case 'path':
      return known(call.path, (path) => matchesText(condition.match, splitQuery(path).path));
    case 'claim':
      return known(call.claims, (claims) => claimHolds(condition.path, condition.match, claims));
    default:
      return condition satisfies never;
  }
}

/** True if all are, false if one is not, whatever the rest may be. */
export function every(truths: readonly Truth[]): Truth {
  if (truths.includes(false)) return false;
  return truths.includes(undefined) ? undefined : true;
}

export function some(truths: readonly Truth[]): Truth {
  if (truths.includes(true)) return true;
  return truths.includes(undefined) ? undefined : false;
}

function negated(truth: Truth): Truth {
  return truth === undefined ? undefined : !truth;
}

/** Nothing that is not there satisfies a condition. */
function known<T>(value: T | null | undefined, judge: (value: T) => boolean): Truth {
  if (value === undefined) return undefined;
  return value !== null && judge(value);
}

/** A suffix is compared with the whole SPIFFE ID, scheme and all. */
function principalMatches(match: TextMatch, principal: string): boolean {
  return matchesText(match, match.kind === 'suffix' ? `spiffe://${principal}` : principal);
}

/** Names that requests of HTTP/2 have a field of their own for, which conditions on headers may name. */
function headerHolds(name: string, match: TextMatch, call: SeenCall): Truth {
  const { authority, method, path, headers } = call;
  const judge = (value: string) => matchesText(match, value);
  switch (name) {
    case 'host':
    case ':authority':
      return known(authority, judge);
    case ':method':
      return known(method, judge);
    case ':path':
      return known(path, judge);
    default:
      // Each value of a header that comes several times is judged for itself.
      return known(headers, (all) => (all.get(name) ?? []).some(judge));
  }
}

/** T15: the case, the port and the dot of a full name do not say which host is meant; a port that the condition names must be that one. */
function hostMatches(match: TextMatch, authority: string): boolean {
  const got = authority.toLowerCase();
  switch (match.kind) {
    case 'exact':
    case 'suffix': {
      const [, name = '', port] = hostParts(match.value);
      const wanted = name.endsWith('.') ? name.slice(0, -1) : name;
      const [, withoutPort = ''] = hostParts(got);
      const names = port === undefined ? [got, withoutPort] : got.endsWith(port) ? [got.slice(0, -port.length)] : [];
      const fits = (text: string) => (match.kind === 'exact' ? text === wanted : text.endsWith(wanted));
      return names.some((text) => fits(text) || (text.endsWith('.') && fits(text.slice(0, -1))));
    }
    case 'prefix':
      return got.startsWith(match.value);
    case 'regex':
      return re2Matches(`(?i:(?:${match.value})\\.?(?::[0-9]*)?)`, got);
    case 'present':
      return true;
    default:
      return match satisfies never;
  }
}

function hostParts(text: string): readonly (string | undefined)[] {
  return /^(.*?)(:[0-9]*)?$/s.exec(text) ?? [];
}

/** A text is compared, or each text of a list; nothing else equals anything (P44). */
function claimHolds(path: readonly string[], match: TextMatch, claims: Readonly<Record<string, ClaimValue>>): boolean {
  let value: ClaimValue | undefined = claims;
  for (const key of path) {
    if (typeof value !== 'object' || value === null || isList(value) || !Object.hasOwn(value, key)) return false;
    value = value[key];
  }
  const texts = value !== undefined && isList(value) ? value : [value];
  return texts.some(
    (text) => typeof text === 'string' && (match.kind === 'present' ? text !== '' : matchesText(match, text)),
  );
}

function isList(value: ClaimValue): value is readonly ClaimValue[] {
  return Array.isArray(value);
}
