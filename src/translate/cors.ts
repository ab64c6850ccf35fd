import type { CorsDecision } from '../model/ir-route.ts';
import { type CorsPolicy, CorsPolicySchema } from '../proto/gen/envoy/extensions/filters/http/cors/v3/cors_pb.ts';
import { message } from '../proto/message.ts';
import { fractionalPercent } from './percentage.ts';
import { stringMatcher } from './text-matcher.ts';

/** The name of the filter and of its settings on a route. */
export const corsFilterName = 'envoy.filters.http.cors';

/** Which origins, methods and headers a browser may use here; lists as the headers hold them. */
export function corsPolicy(decision: CorsDecision): CorsPolicy {
  const { origins, methods, headers, exposedHeaders, maxAgeSeconds, credentials, forwardUnmatched } = decision;
  return message(CorsPolicySchema, {
    allowOriginStringMatch: origins.flatMap((origin) => (origin.kind === 'present' ? [] : [stringMatcher(origin)])),
    allowMethods: methods.join(','),
    allowHeaders: headers.join(','),
    exposeHeaders: exposedHeaders.join(','),
    ...(maxAgeSeconds === undefined ? {} : { maxAge: `${maxAgeSeconds}` }),
    ...(credentials === undefined ? {} : { allowCredentials: credentials }),
    filterEnabled: { defaultValue: fractionalPercent(100) },
    forwardNotMatchingPreflights: forwardUnmatched,
  });
}
