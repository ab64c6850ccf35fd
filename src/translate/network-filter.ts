import type { DescMessage, MessageInitShape, MessageShape } from '@bufbuild/protobuf';
import { pack } from '../proto/codec.ts';
import { type Filter, FilterSchema } from '../proto/gen/envoy/config/listener/v3/listener_components_pb.ts';
import type { HttpConnectionManager } from '../proto/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts';
import { HttpConnectionManagerSchema } from '../proto/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts';
import { message } from '../proto/message.ts';

/** A filter of a listener's chain. */
export function networkFilter<Desc extends DescMessage>(
  name: string,
  schema: Desc,
  config: MessageShape<Desc> | MessageInitShape<Desc>,
): Filter {
  return message(FilterSchema, { name, configType: { case: 'typedConfig', value: pack(schema, config) } });
}

/** The filter that turns a chain into one for HTTP. */
export function httpFilter(manager: HttpConnectionManager): Filter {
  return networkFilter('envoy.filters.network.http_connection_manager', HttpConnectionManagerSchema, manager);
}
