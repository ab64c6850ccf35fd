import { ConfigSchema as DirectResponseSchema } from '../proto/gen/envoy/extensions/filters/network/direct_response/v3/config_pb.ts';
import { networkFilter } from './network-filter.ts';

/** Ends a connection before anybody says a word; rules of other filters would wait for the caller's first byte. */
export const closeFilter = networkFilter('envoy.filters.network.direct_response', DirectResponseSchema, {});
