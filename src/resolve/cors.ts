import type { CorsDecision } from '../model/ir-route.ts';
import type { VirtualServiceObject } from '../model/policy.ts';
import { provenance } from '../model/policy-provenance.ts';
import type { Decided } from '../model/provenance.ts';
import type { CorsPolicy } from '../model/virtual-service.ts';
import { textOf } from './route-match.ts';

/** Which pages of other origins may call (section 3.1). `field` is `spec.http[0].corsPolicy`. */
export function resolveCors(object: VirtualServiceObject, field: string, policy: CorsPolicy): Decided<CorsDecision> {
  const { allowOrigins, allowMethods, allowHeaders, exposeHeaders, maxAge, allowCredentials } = policy;
  return {
    value: {
      origins: allowOrigins.map(textOf),
      methods: allowMethods,
      headers: allowHeaders,
      exposedHeaders: exposeHeaders,
      ...(maxAge === undefined ? {} : { maxAgeSeconds: Math.floor(maxAge / 1000) }),
      ...(allowCredentials === undefined ? {} : { credentials: allowCredentials }),
      forwardUnmatched: policy.unmatchedPreflights === 'FORWARD',
    },
    by: provenance(object, field),
  };
}
