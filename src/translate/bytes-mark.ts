import type { MessageInitShape } from '@bufbuild/protobuf';
import type { Any } from '@bufbuild/protobuf/wkt';
import type { OutboundPort } from '../model/ir.ts';
import { pack } from '../proto/codec.ts';
import type { Filter } from '../proto/gen/envoy/config/listener/v3/listener_components_pb.ts';
import {
  FilterStateValue_SharedWithUpstream,
  type FilterStateValueSchema,
} from '../proto/gen/envoy/extensions/filters/common/set_filter_state/v3/value_pb.ts';
import { ConfigSchema as HttpSchema } from '../proto/gen/envoy/extensions/filters/http/set_filter_state/v3/set_filter_state_pb.ts';
import { ConfigSchema as NetworkSchema } from '../proto/gen/envoy/extensions/filters/network/set_filter_state/v3/set_filter_state_pb.ts';
import { networkFilter } from './network-filter.ts';
import { meshBytesProtocol } from './tls-parameters.ts';

/*
 * Where first bytes tell what is spoken, the caller's sidecar has seen them and the receiver's cannot, as they come inside of mesh TLS. So the
 * caller's says it by ALPN: `weft` for requests, as everywhere, another word for bytes. Envoy takes it from the connection's filter state.
 */
const mark: MessageInitShape<typeof FilterStateValueSchema> = {
  key: { case: 'objectKey', value: 'envoy.network.application_protocols' },
  value: {
    case: 'formatString',
    value: {
      format: { case: 'textFormatSource', value: { specifier: { case: 'inlineString', value: meshBytesProtocol } } },
    },
  },
  sharedWithUpstream: FilterStateValue_SharedWithUpstream.ONCE,
};

/** Stands before the proxy of a chain for bytes. */
export const bytesMarkFilter: Filter = networkFilter('weft.bytes', NetworkSchema, { onNewConnection: [mark] });

/** The HTTP filter that a tunnel's route tells to do so; it does nothing else. */
export const bytesMarkName = 'envoy.filters.http.set_filter_state';
export const bytesMarkOfRoute: Any = pack(HttpSchema, { onRequestHeaders: [mark] });

/** Whether bytes to a port are called so: its receiver would take them for requests else (P28). */
export function saysBytes({ protocol, destination }: OutboundPort): boolean {
  return protocol === 'auto' && destination.security.kind === 'mesh';
}
