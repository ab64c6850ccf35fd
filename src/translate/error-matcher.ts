import { type MatchPredicate, MatchPredicateSchema } from '../proto/gen/envoy/config/common/matcher/v3/matcher_pb.ts';
import { message } from '../proto/message.ts';

/** Answers with one of these status codes. */
export function errorMatcher(statusCodes: readonly number[]): MatchPredicate {
  const [first, ...others] = statusCodes.map(hasStatus);
  if (first === undefined) throw new RangeError('an error matcher needs a status code');
  if (others.length === 0) return first;
  return message(MatchPredicateSchema, { rule: { case: 'orMatch', value: { rules: [first, ...others] } } });
}

function hasStatus(statusCode: number): MatchPredicate {
  return message(MatchPredicateSchema, {
    rule: {
      case: 'httpResponseHeadersMatch',
      value: {
        headers: [
          {
            name: ':status',
            headerMatchSpecifier: {
              case: 'stringMatch',
              value: { matchPattern: { case: 'exact', value: String(statusCode) } },
            },
          },
        ],
      },
    },
  });
}
