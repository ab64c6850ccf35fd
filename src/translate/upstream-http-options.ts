import type { MessageInitShape } from '@bufbuild/protobuf';
import type { Any } from '@bufbuild/protobuf/wkt';
import { pack } from '../proto/codec.ts';
import type { HttpProtocolOptionsSchema as CommonSchema } from '../proto/gen/envoy/config/core/v3/protocol_pb.ts';
import { HttpProtocolOptionsSchema } from '../proto/gen/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.ts';
import { http1Options, maxHeadersCount, maxHeadersKb } from './http1-options.ts';

/** The key of these options in a cluster. */
export const upstreamHttpOptionsName = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';

/** Whatever version the caller speaks goes on as it came (R2), with room for headers (R7); `common` adds limits and ages. */
export function upstreamHttpOptions(common: MessageInitShape<typeof CommonSchema>): Any {
  return pack(HttpProtocolOptionsSchema, {
    commonHttpProtocolOptions: { ...common, maxHeadersCount, maxResponseHeadersKb: maxHeadersKb },
    upstreamProtocolOptions: {
      case: 'useDownstreamProtocolConfig',
      value: { httpProtocolOptions: http1Options, http2ProtocolOptions: { allowConnect: true } },
    },
  });
}
