import type { LowerContext } from '../kind-definition.ts';

type Values = readonly string[] | undefined;

const ofConnection = ['principals', 'namespaces', 'serviceAccounts', 'trustDomains', 'ipBlocks'] as const;
const told = ['remoteIpBlocks', 'notRemoteIpBlocks'] as const;

interface Rule {
  readonly from?: readonly { readonly source: Source }[] | undefined;
  readonly when?: readonly Condition[] | undefined;
}
type Source = { readonly [Field in (typeof ofConnection)[number] | (typeof told)[number]]?: Values };
interface Condition {
  readonly key: string;
  readonly values?: Values;
}

/**
 * WEFT0176: a condition on the remote address where nothing says who may tell it. Sidecars trust no proxies in front (decision 56): it is the
 * last of x-forwarded-for, which everybody writes who may connect, by mesh TLS or not.
 */
export function checkToldAddresses({ from = [], when = [] }: Rule, path: string, context: LowerContext): void {
  const everybodyIsNamed = from.length > 0 && from.every(({ source }) => namesCaller(source));
  if (everybodyIsNamed || when.some(({ key, values }) => key.startsWith('source.') && isNamed(values))) return;
  for (const [index, { source }] of from.entries()) {
    const name = namesCaller(source) ? undefined : told.find((each) => source[each]);
    if (name !== undefined) report(`${path}.from[${index}].source.${name}`, name, 'ipBlocks', context);
  }
  for (const [index, { key }] of when.entries())
    if (key === 'remote.ip') report(`${path}.when[${index}].key`, key, 'source.ip', context);
}

function namesCaller(source: Source): boolean {
  return ofConnection.some((name) => isNamed(source[name]));
}

/** A star is everybody. */
function isNamed(values: Values): boolean {
  return values !== undefined && !values.includes('*');
}

function report(field: string, name: string, instead: string, context: LowerContext): void {
  const message = `${name} is what x-forwarded-for says, which every caller may write`;
  const hint = `use ${instead}, the address that connects, or name beside it the proxy that writes the header: its principal or address`;
  context.report('WEFT0176', field, message, hint);
}
