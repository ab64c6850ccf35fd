import { pack } from '../proto/codec.ts';
import {
  type Http1ProtocolOptions,
  Http1ProtocolOptionsSchema,
} from '../proto/gen/envoy/config/core/v3/protocol_pb.ts';
import { PreserveCaseFormatterConfigSchema } from '../proto/gen/envoy/extensions/http/header_formatters/preserve_case/v3/preserve_case_pb.ts';
import { message } from '../proto/message.ts';

/** Kilobytes of headers, and their number, that pass unquestioned: far above what programs send, a bound for memory (R7). */
export const maxHeadersKb = 8192;
export const maxHeadersCount = 10_000;

/** HTTP/1 as both connection managers and both clusters need it: trailers (R6), case and reason phrases (R8), methods (R10). */
export const http1Options: Http1ProtocolOptions = message(Http1ProtocolOptionsSchema, {
  enableTrailers: true,
  allowCustomMethods: true,
  headerKeyFormat: {
    headerFormat: {
      case: 'statefulFormatter',
      value: {
        name: 'envoy.http.stateful_header_formatters.preserve_case',
        typedConfig: pack(PreserveCaseFormatterConfigSchema, { forwardReasonPhrase: true }),
      },
    },
  },
});

/** As http1Options, for a connection manager, which also takes HTTP/1.0; `host` serves requests that name none (R10). */
export function serverHttp1Options(host: string): Http1ProtocolOptions {
  return message(Http1ProtocolOptionsSchema, { ...http1Options, acceptHttp10: true, defaultHostForHttp10: host });
}
