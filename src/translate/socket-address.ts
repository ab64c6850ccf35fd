import { type Address, AddressSchema } from '../proto/gen/envoy/config/core/v3/address_pb.ts';
import { message } from '../proto/message.ts';

/** A TCP address: an IP, or a name where Envoy resolves it. */
export function socketAddress(address: string, port: number): Address {
  return message(AddressSchema, {
    address: { case: 'socketAddress', value: { address, portSpecifier: { case: 'portValue', value: port } } },
  });
}
