import type { DescriptionRow } from '../model/description.ts';
import type { Destination } from '../model/ir-destination.ts';
import type { Condition } from '../model/ir-inbound.ts';
import type { RouteMatch, TextMatch } from '../model/ir-route.ts';
import { type DecidedBy, decidedByText, refText } from '../model/provenance.ts';
import { type Health, knownHealth, type Workload } from '../model/workload.ts';
import type { Unanswered } from './question-desk.ts';

/** A line of a description, with who says so. */
export function rowOf(text: string, by?: DecidedBy): DescriptionRow {
  if (by === undefined) return { text };
  if ('default' in by) return { text, by: decidedByText(by) };
  return { text, by: decidedByText(by), decidedBy: `${refText(by.object)} ${by.field}` };
}

/** The most that a count can say: no limit (D6). */
const unlimited = 2 ** 32 - 1;
/** Numbers under these names are milliseconds. */
const spans = /timeout|interval|duration|backoff|time$|window|rate$|^age$/i;

/** Of these, 0 is no limit. */
const endless = /^idleTimeout$/;

/** A decided value in words; `field` tells the unit. */
export function valueText(value: unknown, field = ''): string {
  if (value === undefined) return 'none';
  if (value === unlimited) return 'unlimited';
  if (value === 0 && endless.test(field)) return 'disabled';
  if (typeof value === 'number') return spans.test(field) ? spanText(value) : String(value);
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (typeof value !== 'object' || value === null) return String(value);
  if (Array.isArray(value)) return value.length === 0 ? 'none' : value.map((item) => itemText(item, field)).join(', ');
  return Object.entries(value)
    .filter(([, inner]) => inner !== undefined && !(Array.isArray(inner) && inner.length === 0))
    .map(([key, inner]) => [key, inner, valueText(inner, key)] as const)
    .filter(([, , text]) => text !== '')
    .map(([key, inner, text]) =>
      typeof inner === 'object' && !Array.isArray(inner) ? `${key} (${text})` : `${key} ${text}`,
    )
    .join(', ');
}

/** A list in a list is a header and its value. */
function itemText(item: unknown, field: string): string {
  return Array.isArray(item) ? item.join(': ') : valueText(item, field);
}

/** `1.5 s`, `15 min`, `20 ms`. */
export function spanText(milliseconds: number): string {
  const units = [
    ['h', 3_600_000],
    ['min', 60_000],
    ['s', 1000],
  ] as const;
  const [name, size] = units.find(([, each]) => milliseconds >= each && milliseconds % (each / 10) === 0) ?? ['ms', 1];
  return `${milliseconds / size} ${name}`;
}

/** What a request must be like. */
export function matchText({ path, method, authority, scheme, headers, query }: RouteMatch): string {
  const named = (name: string, match: TextMatch) => `${name}${textMatch(match)}`;
  const parts = [
    ...(path === undefined ? [] : [`${pathText(path)}${path.ignoreCase ? ' in any case' : ''}`]),
    ...(method === undefined ? [] : [named('method', method)]),
    ...(authority === undefined ? [] : [named('host', authority)]),
    ...(scheme === undefined ? [] : [named('scheme', scheme)]),
    ...headers.map(({ name, match, absent }) => (absent ? `not ${named(name, match)}` : named(name, match))),
    ...query.map(({ name, match }) => `?${named(name, match)}`),
  ];
  return parts.length === 0 ? 'any' : parts.join(' ');
}

function pathText({ kind, value }: NonNullable<RouteMatch['path']>): string {
  if (kind === 'regex') return `~${value}`;
  return kind === 'prefix' ? `${value}*` : value;
}

function textMatch(match: TextMatch): string {
  switch (match.kind) {
    case 'exact':
      return `=${match.value}`;
    case 'prefix':
      return `=${match.value}*`;
    case 'suffix':
      return `=*${match.value}`;
    case 'regex':
      return `~${match.value}`;
    case 'present':
      return ' is there';
    default:
      return match satisfies never;
  }
}

/** Who or what a rule of authorization means; empty for whoever and whatever. */
export function conditionText(condition: Condition): string {
  switch (condition.kind) {
    case 'always':
      return '';
    case 'never':
      return 'nobody';
    case 'all':
      return joined(condition.of, ' and ');
    case 'any':
      return joined(condition.of, ' or ');
    case 'not':
      return `not (${conditionText(condition.of)})`;
    case 'principal':
      return `caller${textMatch(condition.match)}`;
    case 'source-address':
    case 'remote-address':
    case 'destination-address':
      return `${condition.kind.replace('-', ' ')} in ${condition.cidr}`;
    case 'server-name':
      return `server name${textMatch(condition.match)}`;
    case 'header':
      return `${condition.name}${textMatch(condition.match)}`;
    case 'claim':
      return `claim ${condition.path.join('.')}${textMatch(condition.match)}`;
    case 'host':
    case 'method':
    case 'path':
      return `${condition.kind}${textMatch(condition.match)}`;
    default:
      return condition satisfies never;
  }
}

function joined(conditions: readonly Condition[], word: string): string {
  const texts = conditions.map((each) => ({ each, text: conditionText(each) })).filter(({ text }) => text !== '');
  if (texts.length === 1) return texts[0]?.text ?? '';
  return texts.map(({ each, text }) => (each.kind === 'any' || each.kind === 'all' ? `(${text})` : text)).join(word);
}

/** As knownHealth; what callers find of a HealthCheck they keep to themselves. */
export function healthText(
  health: Health,
  workload: Pick<Workload, 'group'> | undefined,
  destination?: Pick<Destination, 'healthChecks'>,
): string {
  const known = knownHealth(health, workload);
  return known === 'not probed' && destination?.healthChecks?.length ? "checked by callers' sidecars" : known;
}

/** `VirtualService/shop/reviews[canary]`; where no rule decides, the name is one of Envoy's alone (`default/shop/reviews`). */
export function routeText(name = ''): string {
  return name.startsWith('default/') ? 'default route' : name;
}

/** What a refused caller gets; `atFirstByte`: as an answer of authorization has it. */
export function refusalText(status: number | 'closed' | undefined, atFirstByte: true | undefined): string {
  return atFirstByte ? 'closed from the first byte on' : String(status);
}

/** `18 h`, `40 min`. */
export function roundSpan(milliseconds: number): string {
  const unit = milliseconds >= 3_600_000 ? 3_600_000 : milliseconds >= 60_000 ? 60_000 : 1_000;
  return spanText(Math.floor(milliseconds / unit) * unit);
}

/** `3 fetches failed since 2 min, the last just now` */
export function failuresText(
  { failures, since, last }: Pick<Unanswered<unknown>, 'failures' | 'since' | 'last'>,
  [one, several]: readonly [one: string, several: string],
  now: number,
): string {
  const count = `${failures} ${failures === 1 ? one : several} failed`;
  const ago = now - last < 1_000 ? 'just now' : `${roundSpan(now - last)} ago`;
  return since === last ? `${count} ${ago}` : `${count} since ${roundSpan(now - since)}, the last ${ago}`;
}

/** Of a sidecar that is away; nobody knows of how long where the control plane started meanwhile. */
export function sinceText(milliseconds: number | undefined): string {
  if (milliseconds === undefined) return 'since before the control plane started';
  return milliseconds < 1_000 ? 'since a moment' : `since ${roundSpan(milliseconds)}`;
}

/** What acts before a workload whose sidecar is away. */
export function disconnectedText(milliseconds: number | undefined): string {
  return `its sidecar is disconnected ${sinceText(milliseconds)}; its policies act there as it had them`;
}
