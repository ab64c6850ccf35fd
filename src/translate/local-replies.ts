import { pack } from '../proto/codec.ts';
import { type AccessLogFilter, AccessLogFilterSchema } from '../proto/gen/envoy/config/accesslog/v3/accesslog_pb.ts';
import { ExpressionFilterSchema } from '../proto/gen/envoy/extensions/access_loggers/filters/cel/v3/cel_pb.ts';
import {
  type LocalReplyConfig,
  LocalReplyConfigSchema,
} from '../proto/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts';
import { message } from '../proto/message.ts';
import { ownAddressRule } from './own-address-filter.ts';

/**
 * What Envoy answers by itself to inbound requests, where it is to be another status: a token for another audience is invalid, 401 (P49);
 * Envoy alone says 403.
 */
export const inboundReplies: LocalReplyConfig = message(LocalReplyConfigSchema, {
  mappers: [{ filter: saying('jwt_authn_access_denied{Audiences'), statusCode: 401 }],
});

const comesBack = "the host that this request names is the sidecar's own port: name the service that is meant\n";

/** The same for outbound requests: one that would come back for ever is misdirected (docs/decisions/60). */
export const outboundReplies: LocalReplyConfig = message(LocalReplyConfigSchema, {
  mappers: [
    {
      filter: saying(`rbac_access_denied_matched_policy[${ownAddressRule}`),
      statusCode: 421,
      body: { specifier: { case: 'inlineString', value: comesBack } },
    },
  ],
});

/** Answers whose details, as access logs have them, begin so. */
function saying(details: string): AccessLogFilter {
  return message(AccessLogFilterSchema, {
    filterSpecifier: {
      case: 'extensionFilter',
      value: {
        name: 'envoy.access_loggers.extension_filters.cel',
        configType: {
          case: 'typedConfig',
          value: pack(ExpressionFilterSchema, { expression: `response.code_details.startsWith('${details}')` }),
        },
      },
    },
  });
}
