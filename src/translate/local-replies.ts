import { pack } from '../proto/codec.ts';
import { ExpressionFilterSchema } from '../proto/gen/envoy/extensions/access_loggers/filters/cel/v3/cel_pb.ts';
import {
  type LocalReplyConfig,
  LocalReplyConfigSchema,
} from '../proto/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts';
import { message } from '../proto/message.ts';

/**
 * What Envoy answers by itself to inbound requests, where it is to be another status: a token for another audience is invalid, 401 (P49);
 * Envoy alone says 403.
 */
export const inboundReplies: LocalReplyConfig = message(LocalReplyConfigSchema, {
  mappers: [
    {
      filter: {
        filterSpecifier: {
          case: 'extensionFilter',
          value: {
            name: 'envoy.access_loggers.extension_filters.cel',
            configType: {
              case: 'typedConfig',
              value: pack(ExpressionFilterSchema, {
                expression: "response.code_details.startsWith('jwt_authn_access_denied{Audiences')",
              }),
            },
          },
        },
      },
      statusCode: 401,
    },
  ],
});
