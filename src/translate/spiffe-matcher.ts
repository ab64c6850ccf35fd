import type { TextMatch } from '../model/ir-route.ts';
import type { StringMatcher } from '../proto/gen/envoy/type/matcher/v3/string_pb.ts';
import { stringMatcher } from './text-matcher.ts';

const scheme = 'spiffe://';

/** A condition on a SPIFFE ID as certificates carry it; policies leave out its scheme (P43). */
export function spiffeMatcher(match: TextMatch): StringMatcher {
  return stringMatcher(spiffeText(match));
}

/** The same as a condition on the text. */
export function spiffeText(match: TextMatch): TextMatch {
  switch (match.kind) {
    case 'exact':
    case 'prefix':
      return { kind: match.kind, value: `${scheme}${match.value}` };
    case 'suffix':
      return match;
    case 'regex':
      return { kind: 'regex', value: `${scheme}(?:${match.value})` };
    case 'present':
      return { kind: 'prefix', value: scheme };
    default:
      return match satisfies never;
  }
}
