import type { Any } from '@bufbuild/protobuf/wkt';
import type { Route } from '../model/ir-route.ts';
import { pack } from '../proto/codec.ts';
import { CorsPolicySchema } from '../proto/gen/envoy/extensions/filters/http/cors/v3/cors_pb.ts';
import { HTTPFaultSchema } from '../proto/gen/envoy/extensions/filters/http/fault/v3/fault_pb.ts';
import { corsFilterName, corsPolicy } from './cors.ts';
import { faultFilterName, faultInjection } from './fault.ts';

/** What a route tells the filters before the router, by their names. The filters themselves do nothing without it (E21). */
export function routeFilters({ fault, cors }: Pick<Route, 'fault' | 'cors'>): Record<string, Any> {
  return {
    ...(fault === undefined ? {} : { [faultFilterName]: pack(HTTPFaultSchema, faultInjection(fault.value)) }),
    ...(cors === undefined ? {} : { [corsFilterName]: pack(CorsPolicySchema, corsPolicy(cors.value)) }),
  };
}
