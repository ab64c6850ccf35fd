import { pack } from '../proto/codec.ts';
import { type Permission, PermissionSchema, RBAC_Action } from '../proto/gen/envoy/config/rbac/v3/rbac_pb.ts';
import { RBACSchema } from '../proto/gen/envoy/extensions/filters/http/rbac/v3/rbac_pb.ts';
import {
  type HttpFilter,
  HttpFilterSchema,
} from '../proto/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts';
import { UpstreamIpPortMatcherSchema } from '../proto/gen/envoy/extensions/rbac/matchers/upstream_ip_port/v3/upstream_ip_port_matcher_pb.ts';
import { message } from '../proto/message.ts';
import { cidrRange } from './cidr.ts';

/** Where a listener of the proxy itself stands. */
export interface OwnAddress {
  readonly address: string;
  readonly port: number;
}

/** The rule by which a request is refused that would come back: access logs say it. */
export const ownAddressRule = 'own-address';

/**
 * Refuses what would call this very listener: the request would come back, again and again, until no file descriptor is left. It looks at
 * the address that the filter before it has resolved, so at every name and form of it; other requests have none and pass (docs/decisions/60).
 */
export function ownAddressFilter({ address, port }: OwnAddress): HttpFilter {
  const permissions = formsOf(address).map((range) => reaches(range, port));
  const policy = { principals: [{ identifier: { case: 'any' as const, value: true } }], permissions };
  const rules = { action: RBAC_Action.DENY, policies: { [ownAddressRule]: policy } };
  return message(HttpFilterSchema, {
    name: 'weft.own-address',
    configType: { case: 'typedConfig', value: pack(RBACSchema, { rules, rulesStatPrefix: 'weft_own_' }) },
  });
}

/**
 * By which addresses a connection reaches one that listens there, in few ranges: each stands in every listener. Linux takes "no address" for
 * its first loopback address, and IPv4 addresses in IPv6's form for these; nobody else writes those.
 */
function formsOf(address: string): readonly string[] {
  if (address === '0.0.0.0') return ['127.0.0.0/8', '0.0.0.0/32', mapped];
  if (address === '::') return [...formsOf('0.0.0.0'), '::1/128', '::/128'];
  if (address.includes(':')) return [`${address}/128`, '::/128'];
  return address === '127.0.0.1' ? ['127.0.0.1/32', '0.0.0.0/32', mapped] : [`${address}/32`, mapped];
}

const mapped = '::ffff:0.0.0.0/96';

/** Envoy takes both ends of this range for part of it, whatever the description of the type says. */
function reaches(range: string, port: number): Permission {
  const config = { upstreamIp: cidrRange(range), upstreamPortRange: { start: BigInt(port), end: BigInt(port) } };
  return message(PermissionSchema, {
    rule: {
      case: 'matcher',
      value: { name: 'upstream', typedConfig: pack(UpstreamIpPortMatcherSchema, config) },
    },
  });
}
