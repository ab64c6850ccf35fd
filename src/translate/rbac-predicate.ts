import { escapeRegex } from '../model/escape-regex.ts';
import type { Condition } from '../model/ir-inbound.ts';
import type { PathNormalization } from '../model/ir-mesh.ts';
import type { TextMatch } from '../model/ir-route.ts';
import { pack } from '../proto/codec.ts';
import {
  DestinationIPInputSchema,
  DirectSourceIPInputSchema,
  ServerNameInputSchema,
  SourceIPInputSchema,
} from '../proto/gen/envoy/extensions/matching/common_inputs/network/v3/network_inputs_pb.ts';
import { UriSanInputSchema } from '../proto/gen/envoy/extensions/matching/common_inputs/ssl/v3/ssl_inputs_pb.ts';
import { IpSchema } from '../proto/gen/envoy/extensions/matching/input_matchers/ip/v3/ip_pb.ts';
import { HttpRequestHeaderMatchInputSchema } from '../proto/gen/envoy/type/matcher/v3/http_inputs_pb.ts';
import { type TypedExtensionConfig, TypedExtensionConfigSchema } from '../proto/gen/xds/core/v3/extension_pb.ts';
import {
  type Matcher_MatcherList_Predicate,
  Matcher_MatcherList_PredicateSchema,
} from '../proto/gen/xds/type/matcher/v3/matcher_pb.ts';
import { type StringMatcher, StringMatcherSchema } from '../proto/gen/xds/type/matcher/v3/string_pb.ts';
import { message } from '../proto/message.ts';
import { cidrRange } from './cidr.ts';
import { spiffeText } from './spiffe-matcher.ts';
import { hostForm, sayable } from './text-matcher.ts';

/**
 * Whether a tree sees exactly what rules see. Of a header that is there twice it sees one text, where rules judge each value; claims it does
 * not see; the end of a path only where it is ASCII, for it stands before the query, and expressions pass over what is no text.
 */
export function isSeenByTrees(condition: Condition, normalization: PathNormalization): boolean {
  switch (condition.kind) {
    case 'header':
    case 'claim':
      return false;
    case 'path':
      return (
        (condition.match.kind !== 'suffix' || normalization !== 'none') &&
        (condition.match.kind !== 'regex' || pathExpression.test(condition.match.value))
      );
    case 'all':
    case 'any':
      return condition.of.every((each) => isSeenByTrees(each, normalization));
    case 'not':
      return isSeenByTrees(condition.of, normalization);
    case 'always':
    case 'never':
    case 'principal':
    case 'source-address':
    case 'remote-address':
    case 'destination-address':
    case 'server-name':
    case 'host':
    case 'method':
      return true;
    default:
      return condition satisfies never;
  }
}

/**
 * The condition of a leaf. A condition on the caller must not be asked of connections in plaintext: Envoy 1.40 then leaves the whole tree
 * without an answer, and refuses.
 */
export function predicateOf(condition: Condition): Matcher_MatcherList_Predicate {
  switch (condition.kind) {
    case 'always':
      return anything;
    case 'never':
      return not(anything);
    case 'all':
    case 'any': {
      const [first, second] = condition.of;
      if (first === undefined) return condition.kind === 'all' ? anything : not(anything);
      return second === undefined ? predicateOf(first) : several(condition.kind, condition.of.map(predicateOf));
    }
    case 'not':
      return not(predicateOf(condition.of));
    case 'principal':
      return single(callerInput, text(spiffeText(condition.match)));
    case 'method':
      return single(method, headerText(condition.match));
    case 'host':
      return single(authority, headerText(hostForm(condition.match), true));
    case 'path':
      return pathPredicate(condition.match);
    case 'server-name':
      return single(serverName, text(condition.match));
    case 'source-address':
      return address(directSource, condition.cidr);
    case 'remote-address':
      return address(remote, condition.cidr);
    case 'destination-address':
      return address(destination, condition.cidr);
    case 'header':
    case 'claim':
      throw new TypeError(`a tree does not see ${condition.kind}`);
    default:
      return condition satisfies never;
  }
}

/** The URI names of the caller's certificate, joined by commas. */
export const callerInput = input('caller', UriSanInputSchema);
const method = header(':method');
const authority = header(':authority');
const path = header(':path');
const serverName = input('server-name', ServerNameInputSchema);
const directSource = input('source', DirectSourceIPInputSchema);
const remote = input('remote', SourceIPInputSchema);
const destination = input('destination', DestinationIPInputSchema);

/** The manager of connections says so in a header, which it takes away from everybody else. */
export const hasCertificate = single(header('x-forwarded-client-cert'), contains('Hash='));
export const hasNoCertificate = not(hasCertificate);
export const hasIdentity = single(callerInput, text({ kind: 'prefix', value: 'spiffe://' }));
/** No SPIFFE ID holds a comma. */
export const hasSeveralNames = single(callerInput, contains(','));

/** A predicate cannot be left out; each request has a method. */
const anything = (() => {
  const get = single(method, text({ kind: 'exact', value: 'GET' }));
  return several('any', [get, not(get)]);
})();

/** A path as it comes has its query. What asks for a query never matches (P42: rules look at the path alone). */
function pathPredicate(match: TextMatch): Matcher_MatcherList_Predicate {
  switch (match.kind) {
    case 'exact': {
      const { value } = match;
      if (/[?#]/.test(value)) return not(anything);
      const alone = single(path, text(match));
      const before = ['?', '#'].map((mark) => single(path, text({ kind: 'prefix', value: `${value}${mark}` })));
      return several('any', [alone, ...before]);
    }
    case 'prefix':
      return /[?#]/.test(match.value) ? not(anything) : single(path, text(match));
    case 'suffix':
      return /[?#]/.test(match.value) ? not(anything) : withQuery(`[^?#]*${escapeRegex(match.value)}`);
    case 'regex': {
      if (/\\\?|#/.test(match.value)) return not(anything);
      return withQuery(match.value.replaceAll('[^/]', '[^/?#]').replace(/(?<!\\)\.(?=[*+])/g, '[^?#\\n]'));
    }
    case 'present':
      return withQuery('[^?#\\n]+');
    default:
      return match satisfies never;
  }
}

/** Texts, segments and the rest, as templates and stars are written (resolve/text-form.ts). */
const pathExpression = /^(?:\[\^\/\]\+|\.[*+]|\\.|[^\\.[\](){}*+?|^$])*$/s;

function withQuery(regex: string): Matcher_MatcherList_Predicate {
  return single(path, text({ kind: 'regex', value: `${regex}(?:[?#]\\C*)?` }));
}

function address(of: TypedExtensionConfig, cidr: string): Matcher_MatcherList_Predicate {
  const value = input('address', IpSchema, { cidrRanges: [cidrRange(cidr)], statPrefix: 'authorization' });
  return message(Matcher_MatcherList_PredicateSchema, {
    matchType: { case: 'singlePredicate', value: { input: of, matcher: { case: 'customMatch', value } } },
  });
}

function input(
  name: string,
  schema: Parameters<typeof pack>[0],
  config: Readonly<Record<string, unknown>> = {},
): TypedExtensionConfig {
  return message(TypedExtensionConfigSchema, { name, typedConfig: pack(schema, config) });
}

function header(headerName: string): TypedExtensionConfig {
  return input(headerName, HttpRequestHeaderMatchInputSchema, { headerName });
}

/** A header that is there is present, also an empty one. */
function headerText(match: TextMatch, ignoreCase = false): StringMatcher {
  return text(match.kind === 'present' ? { kind: 'regex', value: '\\C*' } : match, ignoreCase);
}

function text(match: TextMatch, ignoreCase = false): StringMatcher {
  const { kind, value } = sayable(match, ignoreCase);
  if (kind !== 'regex') return message(StringMatcherSchema, { matchPattern: { case: kind, value }, ignoreCase });
  return message(StringMatcherSchema, {
    matchPattern: { case: 'safeRegex', value: { regex: value, engineType: { case: 'googleRe2', value: {} } } },
  });
}

function contains(value: string): StringMatcher {
  return message(StringMatcherSchema, { matchPattern: { case: 'contains', value } });
}

function single(of: TypedExtensionConfig, value: StringMatcher): Matcher_MatcherList_Predicate {
  return message(Matcher_MatcherList_PredicateSchema, {
    matchType: { case: 'singlePredicate', value: { input: of, matcher: { case: 'valueMatch', value } } },
  });
}

function several(kind: 'all' | 'any', predicate: Matcher_MatcherList_Predicate[]): Matcher_MatcherList_Predicate {
  return message(Matcher_MatcherList_PredicateSchema, {
    matchType: { case: kind === 'all' ? 'andMatcher' : 'orMatcher', value: { predicate } },
  });
}

function not(of: Matcher_MatcherList_Predicate): Matcher_MatcherList_Predicate {
  return message(Matcher_MatcherList_PredicateSchema, { matchType: { case: 'notMatcher', value: of } });
}
