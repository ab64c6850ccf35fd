import type { Authorization } from '../../src/model/ir-inbound.ts';
import type { Policy } from '../../src/model/policy.ts';
import type { Proxy } from '../../src/model/proxy.ts';
import { resolveInbound } from '../../src/resolve/inbound.ts';
import { authorizationPolicy, mesh, proxy, type ShortRule } from './resolve-values.ts';

const reviews = proxy('reviews.shop');

/** What is decided for one port of a proxy. */
export function inboundOf(policies: readonly Policy[], of: Proxy = reviews, port = 9080) {
  const found = resolveInbound(mesh({ policies }), of).find((each) => each.port === port);
  if (found === undefined) throw new Error(`no port ${port}`);
  return found;
}

export function authorizationOf(
  policies: readonly Policy[],
  protocol: 'http' | 'tcp' = 'http',
  namespace = 'shop',
): Authorization {
  const of = proxy(`reviews.${namespace}`, { ports: [{ port: 9080, inbound: 19080, protocol }] });
  return inboundOf(policies, of).authorization;
}

export function allowed(rule: ShortRule, protocol: 'http' | 'tcp' = 'http') {
  return authorizationOf([authorizationPolicy('shop/rule', 'ALLOW', [rule])], protocol).allow?.[0];
}

export function denied(rule: ShortRule, protocol: 'http' | 'tcp' = 'http') {
  return authorizationOf([authorizationPolicy('shop/rule', 'DENY', [rule])], protocol).deny[0];
}
