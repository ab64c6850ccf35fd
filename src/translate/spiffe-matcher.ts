import type { TextMatch } from '../model/ir-route.ts';
import type { StringMatcher } from '../proto/gen/envoy/type/matcher/v3/string_pb.ts';
import { stringMatcher } from './text-matcher.ts';

const scheme = 'spiffe://';

/** A condition on a SPIFFE ID as certificates carry it; policies leave out its scheme (P43). */
export function spiffeMatcher(match: TextMatch): StringMatcher {
  switch (match.kind) {
    case 'exact':
    case 'prefix':
      return stringMatcher({ kind: match.kind, value: `${scheme}${match.value}` });
    case 'suffix':
      return stringMatcher(match);
    case 'regex':
      return stringMatcher({ kind: 'regex', value: `${scheme}(?:${match.value})` });
    case 'present':
      return stringMatcher({ kind: 'prefix', value: scheme });
    default:
      return match satisfies never;
  }
}
