import type { Condition } from '../model/ir-inbound.ts';
import {
  type Principal,
  Principal_AuthenticatedSchema,
  Principal_SetSchema,
  Principal_SourcedMetadataSchema,
  PrincipalSchema,
} from '../proto/gen/envoy/config/rbac/v3/rbac_pb.ts';
import { message } from '../proto/message.ts';
import { cidrRange } from './cidr.ts';
import { claimMatcher } from './claim-matcher.ts';
import { spiffeMatcher } from './spiffe-matcher.ts';
import { ruleHeaderMatcher } from './text-matcher.ts';

/** The half of a rule that is about the caller. Throws TypeError for a condition that cannot stand there: a bug in resolve. */
export function rbacPrincipal(condition: Condition): Principal {
  return message(PrincipalSchema, { identifier: identifier(condition) });
}

function identifier(condition: Condition): Principal['identifier'] {
  switch (condition.kind) {
    case 'always':
      return { case: 'any', value: true };
    case 'never':
      return nobody;
    case 'all':
      if (condition.of.length === 0) return { case: 'any', value: true };
      return { case: 'andIds', value: message(Principal_SetSchema, { ids: condition.of.map(rbacPrincipal) }) };
    case 'any':
      if (condition.of.length === 0) return nobody;
      return { case: 'orIds', value: message(Principal_SetSchema, { ids: condition.of.map(rbacPrincipal) }) };
    case 'not':
      return { case: 'notId', value: rbacPrincipal(condition.of) };
    case 'principal':
      return {
        case: 'authenticated',
        value: message(Principal_AuthenticatedSchema, { principalName: spiffeMatcher(condition.match) }),
      };
    case 'source-address':
      return { case: 'directRemoteIp', value: cidrRange(condition.cidr) };
    case 'remote-address':
      return { case: 'remoteIp', value: cidrRange(condition.cidr) };
    case 'header':
      return { case: 'header', value: ruleHeaderMatcher(condition.name, condition.match) };
    case 'claim':
      return {
        case: 'sourcedMetadata',
        value: message(Principal_SourcedMetadataSchema, {
          metadataMatcher: claimMatcher(condition.path, condition.match),
        }),
      };
    case 'destination-address':
    case 'server-name':
    case 'host':
    case 'method':
    case 'path':
      throw new TypeError(`a condition on ${condition.kind} is not about the caller`);
    default:
      return condition satisfies never;
  }
}

const nobody: Principal['identifier'] = {
  case: 'notId',
  value: message(PrincipalSchema, { identifier: { case: 'any', value: true } }),
};
