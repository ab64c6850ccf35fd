import type { RespondAction } from '../model/ir-route.ts';
import {
  type DirectResponseAction,
  DirectResponseActionSchema,
} from '../proto/gen/envoy/config/route/v3/route_components_pb.ts';
import { message } from '../proto/message.ts';

/** The longest body of an answer that a proxy gives, in bytes; every outbound route configuration allows it, since Envoy's own limit is 4 KiB. */
export const longestBody = 1024 * 1024;

/** An answer without a destination. */
export function respondAction({ respond }: RespondAction): DirectResponseAction {
  const { status, body } = respond.value;
  return message(DirectResponseActionSchema, {
    status,
    ...(body === undefined
      ? {}
      : {
          body: {
            specifier:
              'text' in body
                ? { case: 'inlineString', value: body.text }
                : { case: 'inlineBytes', value: Buffer.from(body.base64, 'base64') },
          },
        }),
  });
}
