import { type Address, AddressSchema } from '../proto/gen/envoy/config/core/v3/address_pb.ts';
import { message } from '../proto/message.ts';

/** A unix socket: its path, or `@name` for one that is no file. */
export function pipeAddress(path: string): Address {
  return message(AddressSchema, { address: { case: 'pipe', value: { path } } });
}
