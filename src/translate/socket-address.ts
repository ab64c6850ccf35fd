import { socketPath } from '../model/socket-path.ts';
import { type Address, AddressSchema } from '../proto/gen/envoy/config/core/v3/address_pb.ts';
import { message } from '../proto/message.ts';

/** A TCP address: an IP, or a name where Envoy resolves it; or a unix socket (`unix:///path`), which has no port. */
export function socketAddress(address: string, port: number): Address {
  const path = socketPath(address);
  if (path !== undefined) return message(AddressSchema, { address: { case: 'pipe', value: { path } } });
  return message(AddressSchema, {
    address: { case: 'socketAddress', value: { address, portSpecifier: { case: 'portValue', value: port } } },
  });
}
