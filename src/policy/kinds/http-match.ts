import type { HttpMatch } from '../../model/virtual-service.ts';
import { fieldPath } from '../field-path.ts';
import type { LowerContext } from '../kind-definition.ts';
import type { Infer } from '../shape.ts';
import { beside, lowerStringMatch, mapValues, present } from './common.ts';
import { refuseGateways } from './gateway-names.ts';
import { checkForms } from './http-match-forms.ts';
import type { httpMatch } from './http-shape.ts';

type Written = Infer<typeof httpMatch>;

/** One match of a rule (P10, P12). What is empty says nothing. */
export function lowerMatch(match: Written, path: string, context: LowerContext): HttpMatch {
  for (const name of Object.keys(match.headers ?? {})) checkConditionName(name, `${path}.headers`, context);
  for (const name of Object.keys(match.withoutHeaders ?? {}))
    checkConditionName(name, `${path}.withoutHeaders`, context);
  checkWithout(match.withoutHeaders ?? {}, `${path}.withoutHeaders`, context);
  checkGateways(match, path, context);
  checkCase(match, path, context);
  checkForms(match, path, context);
  const optional = (condition: Parameters<typeof lowerStringMatch>[0] | undefined) =>
    condition && lowerStringMatch(condition);
  return present<HttpMatch>({
    name: match.name || undefined,
    uri: optional(match.uri),
    ignoreUriCase: match.ignoreUriCase ?? false,
    method: optional(match.method),
    authority: optional(match.authority),
    scheme: optional(match.scheme),
    headers: mapValues(match.headers ?? {}, lowerStringMatch),
    withoutHeaders: mapValues(match.withoutHeaders ?? {}, lowerStringMatch),
    queryParams: mapValues(match.queryParams ?? {}, lowerStringMatch),
    port: match.port || undefined,
    sourceLabels: match.sourceLabels ?? {},
    sourceNamespace: match.sourceNamespace || undefined,
    statPrefix: match.statPrefix || undefined,
  });
}

/** P12: how a path is written plays a part in exact paths and prefixes alone. */
function checkCase({ uri, ignoreUriCase }: Written, path: string, context: LowerContext): void {
  if (!ignoreUriCase || uri?.exact !== undefined || uri?.prefix !== undefined) return;
  const [message, hint] =
    uri?.regex === undefined
      ? ['has no effect without uri.exact or uri.prefix', 'remove it, or write which path is meant']
      : ['has no effect on uri.regex', 'start the expression with (?i)'];
  context.report('WEFT0132', `${path}.ignoreUriCase`, message, hint);
}

/** P10: `mesh` is every proxy that Weft serves. In Istio gateways switch the source predicates off, so both are refused. */
function checkGateways(match: Written, path: string, context: LowerContext): void {
  const { gateways = [], sourceLabels = {}, sourceNamespace = '' } = match;
  refuseGateways(gateways, `${path}.gateways`, 'this match (the rule, if it has no other)', context);
  if (gateways.length === 0) return;
  for (const [name, written] of [
    ['sourceLabels', Object.keys(sourceLabels).length > 0],
    ['sourceNamespace', sourceNamespace !== ''],
  ] as const) {
    if (!written) continue;
    const message = `gateways and ${name} exclude each other`;
    const hint = `remove gateways: the match holds for the mesh without it, too, but without ${name} for more clients`;
    context.report('WEFT0137', `${path}.${name}`, message, hint, beside(context, path, 'gateways'));
  }
}

/** Each of these can double the routes of the match, as a header that is missing is a case of its own (P12). */
const mostExpressions = 4;

function checkWithout(conditions: NonNullable<Written['withoutHeaders']>, path: string, context: LowerContext) {
  const expressions = Object.values(conditions).filter(
    ({ regex, exact }) => exact === '' || (regex ?? '*') !== '*',
  ).length;
  if (expressions <= mostExpressions) return;
  const message = `${expressions} expressions are valid in Istio but not supported by Weft: at most ${mostExpressions}`;
  context.report(
    'WEFT0004',
    path,
    message,
    'use exact and prefix for some of them; two matches instead of one would take more requests',
  );
}

/** Istio ignores these header names in a match; here they are told. */
function checkConditionName(name: string, parent: string, context: LowerContext): void {
  const field = fieldPath(parent, name);
  if (name.startsWith('@request.auth.claims')) {
    const hint =
      'remove the whole match (the rule, if it has no other): without this it takes requests with any token, or none';
    context.refuse(field, 'T2', name, { hint });
    return;
  }
  const own = name.replace(/^:/, '').toLowerCase();
  const instead = own === 'path' ? 'uri' : own;
  if (name.startsWith(':') && !['path', 'method', 'authority', 'scheme'].includes(own)) {
    const message = `expected the name of a header, got ${JSON.stringify(name)}`;
    context.report(
      'WEFT0002',
      field,
      message,
      'write the name of a header, such as x-user; uri, method, authority and scheme stand beside headers',
    );
    return;
  }
  if (!['uri', 'path', 'method', 'authority', 'scheme'].includes(own) || (own === 'path' && !name.startsWith(':')))
    return;
  context.report(
    'WEFT0002',
    field,
    `expected the name of a header, got ${JSON.stringify(name)}`,
    `write ${instead} beside headers`,
  );
}
