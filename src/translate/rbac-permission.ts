import type { Condition } from '../model/ir-inbound.ts';
import type { TextMatch } from '../model/ir-route.ts';
import { type Permission, Permission_SetSchema, PermissionSchema } from '../proto/gen/envoy/config/rbac/v3/rbac_pb.ts';
import { type PathMatcher, PathMatcherSchema } from '../proto/gen/envoy/type/matcher/v3/path_pb.ts';
import { message } from '../proto/message.ts';
import { cidrRange } from './cidr.ts';
import { headerMatcher, hostMatcher, stringMatcher } from './text-matcher.ts';

/** The half of a rule that is about the operation. Throws TypeError for a condition that cannot stand there: a bug in resolve. */
export function rbacPermission(condition: Condition): Permission {
  return message(PermissionSchema, { rule: rule(condition) });
}

function rule(condition: Condition): Permission['rule'] {
  switch (condition.kind) {
    case 'always':
      return { case: 'any', value: true };
    case 'never':
      return nothing;
    case 'all':
      if (condition.of.length === 0) return { case: 'any', value: true };
      return { case: 'andRules', value: message(Permission_SetSchema, { rules: condition.of.map(rbacPermission) }) };
    case 'any':
      if (condition.of.length === 0) return nothing;
      return { case: 'orRules', value: message(Permission_SetSchema, { rules: condition.of.map(rbacPermission) }) };
    case 'not':
      return { case: 'notRule', value: rbacPermission(condition.of) };
    case 'destination-address':
      return { case: 'destinationIp', value: cidrRange(condition.cidr) };
    case 'server-name':
      return { case: 'requestedServerName', value: stringMatcher(condition.match) };
    case 'host':
      return { case: 'header', value: hostMatcher(condition.match) };
    case 'method':
      return { case: 'header', value: headerMatcher(':method', condition.match) };
    case 'path':
      return { case: 'urlPath', value: pathMatcher(condition.match) };
    case 'principal':
    case 'source-address':
    case 'remote-address':
    case 'header':
    case 'claim':
      throw new TypeError(`a condition on ${condition.kind} is not about the operation`);
    default:
      return condition satisfies never;
  }
}

const nothing: Permission['rule'] = {
  case: 'notRule',
  value: message(PermissionSchema, { rule: { case: 'any', value: true } }),
};

/** The path without its query. */
function pathMatcher(match: TextMatch): PathMatcher {
  return message(PathMatcherSchema, { rule: { case: 'path', value: stringMatcher(match) } });
}
