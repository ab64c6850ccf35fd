import type { DescriptionRow } from '../model/description.ts';
import type { AuthorizationRuleDecision, Inbound } from '../model/ir-inbound.ts';
import { decidedFields } from '../translate/provenance-metadata.ts';
import { conditionText, rowOf, valueText } from './describe-words.ts';

/** What stands before a port of an application: every decision about it, and who may call. */
export function inboundRows(inbound: Inbound): readonly DescriptionRow[] {
  const { mtls, port, protocol, listen } = inbound;
  const { mtls: _mtls, ...fields } = decidedFields(inbound);
  return [
    rowOf(`port ${port} ${protocol}, callers connect to ${listen.address}:${listen.port}`),
    rowOf(`mtls ${mtls.value}`, mtls.by),
    ...Object.entries(fields).flatMap(([field, all]) =>
      all.map(({ value, by }) => rowOf(`${field} ${valueText(value, field)}`, by)),
    ),
    ...tokenRows(inbound),
    ...callerRows(inbound),
  ];
}

/** P49: whose tokens are checked, by which keys. */
function tokenRows({ tokens }: Inbound): readonly DescriptionRow[] {
  return (tokens?.rules ?? []).map(({ rule, by }) => {
    const keys = rule.keys.kind === 'inline' ? 'keys in the policy' : `keys of ${rule.keys.uri}`;
    return rowOf(`tokens of ${rule.issuer}: checked by ${keys}`, by);
  });
}

/** P39: who is refused, and who may call. */
export function callerRows({ authorization }: Inbound): readonly DescriptionRow[] {
  const { deny, allow } = authorization;
  const refused = deny.map((rule) => rowOf(`refused: ${ruleText(rule)}`, rule.by));
  if (allow === undefined) {
    const who = deny.length === 0 ? 'everyone' : 'everyone else';
    return [...refused, rowOf(`allowed: ${who}, as no ALLOW policy selects the workload`)];
  }
  const allowed = allow.map((rule) => rowOf(`allowed: ${ruleText(rule)}`, rule.by));
  return [...refused, ...allowed, rowOf(`${allow.length === 0 ? 'everyone' : 'everyone else'} gets 403`)];
}

function ruleText({ caller, operation }: AuthorizationRuleDecision): string {
  const who = conditionText(caller);
  const what = conditionText(operation);
  return [who === '' ? 'whoever calls' : who, ...(what === '' ? [] : [what])].join(', ');
}
