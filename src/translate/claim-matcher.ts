import type { TextMatch } from '../model/ir-route.ts';
import {
  type MetadataMatcher,
  MetadataMatcher_PathSegmentSchema,
  MetadataMatcherSchema,
} from '../proto/gen/envoy/type/matcher/v3/metadata_pb.ts';
import {
  ListMatcherSchema,
  OrMatcherSchema,
  type ValueMatcher,
  ValueMatcherSchema,
} from '../proto/gen/envoy/type/matcher/v3/value_pb.ts';
import { message } from '../proto/message.ts';
import { stringMatcher } from './text-matcher.ts';

/** Where the filter that verifies tokens leaves the claims of the one that it took. */
const tokenFilterName = 'envoy.filters.http.jwt_authn';
export const claimsKey = 'payload';

/**
 * A condition on a claim: of a text, or of any text in a list. Envoy's condition on a text does not see lists, and that on lists no text, so
 * each claim needs both.
 */
export function claimMatcher(path: readonly string[], match: TextMatch): MetadataMatcher {
  const text = message(ValueMatcherSchema, {
    matchPattern: { case: 'stringMatch', value: stringMatcher(wholeText(match)) },
  });
  const inList: ValueMatcher = message(ValueMatcherSchema, {
    matchPattern: {
      case: 'listMatch',
      value: message(ListMatcherSchema, { matchPattern: { case: 'oneOf', value: text } }),
    },
  });
  const keys = [claimsKey, ...path];
  return message(MetadataMatcherSchema, {
    filter: tokenFilterName,
    path: keys.map((key) => message(MetadataMatcher_PathSegmentSchema, { segment: { case: 'key', value: key } })),
    value: message(ValueMatcherSchema, {
      matchPattern: { case: 'orMatch', value: message(OrMatcherSchema, { valueMatchers: [text, inList] }) },
    }),
  });
}

/** A claim may hold line breaks, which the point of an expression does not match. */
function wholeText(match: TextMatch): TextMatch {
  return match.kind === 'present' ? { kind: 'regex', value: '(?s:.+)' } : match;
}
