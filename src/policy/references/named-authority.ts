import type { VirtualServiceObject } from '../../model/policy.ts';
import type { Service } from '../../model/service.ts';
import type { HeaderRules, HttpRule } from '../../model/virtual-service.ts';
import { isAuthorityOf } from '../hosts.ts';
import { type ReferenceScope, reportAt } from './reference-scope.ts';
import { type RuleClient, serviceFor } from './rule-clients.ts';

/**
 * WEFT0101: a rewritten authority is whom requests are sent to where the destination calls whom they name, so it must be one of that
 * destination's: else the rule leads out of the mesh, past REGISTRY_ONLY and past what is said of the destination (docs/decisions/60).
 */
export function checkNamedAuthority(
  scope: ReferenceScope,
  object: VirtualServiceObject,
  rule: HttpRule,
  field: string,
  clients: readonly RuleClient[],
): void {
  const ofRule = authorityIn(rule.headers, `${field}.headers`) ?? rewritten(rule, field);
  const told = new Set<string>();
  for (const [index, { destination, headers }] of rule.route.entries()) {
    const authority = authorityIn(headers, `${field}.route[${index}].headers`) ?? ofRule;
    if (authority === undefined || told.has(authority.field)) continue;
    const services = clients.flatMap(({ namespace }) => serviceFor(scope, object, destination.host, namespace) ?? []);
    const led = services.find(
      (service) => service.resolution === 'request' && !isAuthorityOf(service, authority.value),
    );
    if (led === undefined) continue;
    told.add(authority.field);
    const message = `${JSON.stringify(authority.value)} is not of ${JSON.stringify(led.host)}, where requests are sent to whom they name`;
    reportAt(scope, 'WEFT0101', object, authority.field, message, hintOf(led));
  }
}

interface Authority {
  readonly value: string;
  readonly field: string;
}

function rewritten({ rewrite }: HttpRule, field: string): Authority | undefined {
  return rewrite?.authority === undefined
    ? undefined
    : { value: rewrite.authority, field: `${field}.rewrite.authority` };
}

/** P18: `host` or `:authority` among the request headers. */
function authorityIn(headers: HeaderRules | undefined, field: string): Authority | undefined {
  for (const operation of ['set', 'add'] as const) {
    for (const [name, value] of Object.entries(headers?.request[operation] ?? {})) {
      const isAuthority = ['host', ':authority'].includes(name.toLowerCase());
      if (isAuthority) return { value, field: `${field}.request.${operation}.${name}` };
    }
  }
  return undefined;
}

function hintOf({ host, ports }: Service): string {
  const numbers = ports.map(({ number }) => number).join(', ');
  const example = host.startsWith('*') ? `a name below ${host.slice(2)}` : host;
  return `write ${example}, if with a port one of ${numbers}; or declare a ServiceEntry for that host and send there`;
}
