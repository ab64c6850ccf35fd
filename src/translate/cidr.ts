import { isIP } from 'node:net';
import { type CidrRange, CidrRangeSchema } from '../proto/gen/envoy/config/core/v3/address_pb.ts';
import { message } from '../proto/message.ts';

/** `10.0.0.0/8`, or one address. Throws RangeError for anything else: a bug upstream. */
export function cidrRange(text: string): CidrRange {
  const [address = '', length] = text.split('/');
  const family = isIP(address);
  const widest = family === 6 ? 128 : 32;
  const prefixLen = length === undefined ? widest : Number(length);
  if (family === 0 || !Number.isInteger(prefixLen) || prefixLen < 0 || prefixLen > widest) {
    throw new RangeError(`not an address range: ${text}`);
  }
  return message(CidrRangeSchema, { addressPrefix: address, prefixLen });
}
