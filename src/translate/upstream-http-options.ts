import type { MessageInitShape } from '@bufbuild/protobuf';
import type { Any } from '@bufbuild/protobuf/wkt';
import type { Millis } from '../model/policy.ts';
import { pack } from '../proto/codec.ts';
import type {
  HttpProtocolOptionsSchema as CommonSchema,
  Http2ProtocolOptionsSchema as Http2Schema,
} from '../proto/gen/envoy/config/core/v3/protocol_pb.ts';
import { HttpProtocolOptionsSchema } from '../proto/gen/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.ts';
import { durationOf } from './duration.ts';
import { errorMatcher } from './error-matcher.ts';
import { http1Options, maxHeadersCount, maxHeadersKb } from './http1-options.ts';

/** The key of these options in a cluster. */
export const upstreamHttpOptionsName = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';

/** What a policy says about the HTTP of a cluster. */
export interface UpstreamHttp {
  /** Spoken whatever the caller speaks; absent: what the caller speaks (R2). */
  readonly version?: 'http1' | 'http2';
  readonly maxConcurrentStreams?: number;
  readonly keepalive?: { readonly interval: Millis; readonly timeout: Millis };
  /** The status codes that count as errors of an endpoint; absent: 5xx. */
  readonly errorCodes?: readonly number[];
  /** The host of each request is asked for in its connection's TLS, and is the one whom the server must be. */
  readonly serverNameOfRequest?: boolean;
  readonly serverOfRequest?: boolean;
}

/** Whatever version the caller speaks goes on as it came (R2), with room for headers (R7); `common` adds limits and ages. */
export function upstreamHttpOptions(common: MessageInitShape<typeof CommonSchema>, http: UpstreamHttp = {}): Any {
  return pack(HttpProtocolOptionsSchema, {
    commonHttpProtocolOptions: { ...common, maxHeadersCount, maxResponseHeadersKb: maxHeadersKb },
    upstreamProtocolOptions: versionOptions(http),
    ...((http.serverNameOfRequest || http.serverOfRequest) && {
      upstreamHttpProtocolOptions: {
        ...(http.serverNameOfRequest && { autoSni: true }),
        ...(http.serverOfRequest && { autoSanValidation: true }),
      },
    }),
    ...(http.errorCodes && { outlierDetection: { errorMatcher: errorMatcher(http.errorCodes) } }),
  });
}

function versionOptions(http: UpstreamHttp) {
  const http2ProtocolOptions = http2Options(http);
  switch (http.version) {
    case 'http1':
      return explicitly({ case: 'httpProtocolOptions' as const, value: http1Options });
    case 'http2':
      return explicitly({ case: 'http2ProtocolOptions' as const, value: http2ProtocolOptions });
    case undefined:
      return {
        case: 'useDownstreamProtocolConfig' as const,
        value: { httpProtocolOptions: http1Options, http2ProtocolOptions },
      };
    default:
      return http.version satisfies never;
  }
}

function explicitly<Config>(protocolConfig: Config) {
  return { case: 'explicitHttpConfig' as const, value: { protocolConfig } };
}

function http2Options({ maxConcurrentStreams, keepalive }: UpstreamHttp): MessageInitShape<typeof Http2Schema> {
  return {
    ...(maxConcurrentStreams === undefined ? {} : { maxConcurrentStreams }),
    ...(keepalive && {
      connectionKeepalive: { interval: durationOf(keepalive.interval), timeout: durationOf(keepalive.timeout) },
    }),
  };
}
