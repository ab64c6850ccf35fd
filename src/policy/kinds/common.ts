import type { RelatedPlace } from '../../model/diagnostic.ts';
import type { StringMatch } from '../../model/virtual-service.ts';
import type { LowerContext } from '../kind-definition.ts';
import type { Infer } from '../shape.ts';
import { anyText, labels, list, object, row, text } from '../shape-builders.ts';
import { textRules } from '../text-rules.ts';

/** `selector.matchLabels` (section 1.5 of policy-surface.md). */
export const matchLabels = object({ matchLabels: labels });
export const exportTo = row(list(text('export-to')), 'T0', 'which clients see it', 'D19');

/** A text condition (P12): `{}` means present. An exact text may be empty, a prefix or a regular expression not. */
export const stringMatch = object(
  { exact: anyText, prefix: text(), regex: text('regex-or-star') },
  { exclusive: [['exact', 'prefix', 'regex']] },
);

export function lowerStringMatch(match: Infer<typeof stringMatch>): StringMatch {
  if (match.exact !== undefined) return { kind: 'exact', value: match.exact };
  if (match.prefix !== undefined) return { kind: 'prefix', value: match.prefix };
  if (match.regex === undefined || match.regex === '*') return { kind: 'present' };
  return { kind: 'regex', value: match.regex };
}

/** What to do about a match that is there twice (WEFT0131), in a rule of so many: without any the rule would take everything. */
export function repeatHint(matches: number): string {
  return matches === 1
    ? 'remove the whole rule; without its match it would take everything'
    : 'remove it; with the last match of a rule remove the rule';
}

/** The field that a finding names besides its own, as its related place. */
export function beside(
  context: LowerContext,
  path: string,
  name: string,
): { readonly related: readonly RelatedPlace[] } {
  const field = path === '' ? name : `${path}.${name}`;
  return { related: [{ file: context.file, line: context.lineOf(field), message: name }] };
}

/** The map with every value changed. */
export function mapValues<A, B>(
  map: Readonly<Record<string, A>>,
  change: (value: A, key: string) => B,
): Readonly<Record<string, B>> {
  return Object.fromEntries(Object.entries(map).map(([key, value]) => [key, change(value, key)]));
}

/** The object without its undefined fields: the model leaves out what was not written. */
export function present<T extends object>(value: { [K in keyof T]: T[K] | undefined }): T {
  const kept: Record<string, unknown> = {};
  for (const name of Object.keys(value) as (keyof T & string)[]) {
    const field = value[name];
    if (field !== undefined) kept[name] = field;
  }
  return kept as T;
}

/** WEFT0002 for an entry that was seen before; `what` names it ("port"). */
export function refuseRepeats(
  context: LowerContext,
  values: readonly (readonly [string, string | number])[],
  what: string,
): void {
  const seen = new Map<string | number, string>();
  for (const [field, value] of values) {
    const first = seen.get(value);
    if (first === undefined) seen.set(value, field);
    else {
      const related = [{ file: context.file, line: context.lineOf(first), message: 'first here' }];
      context.report(
        'WEFT0002',
        field,
        `expected each ${what} once, got ${JSON.stringify(value)} again`,
        `first at ${first}; keep one`,
        { related },
      );
    }
  }
}

/** P6: `~` hides Services and ServiceEntries only, and stands alone like `*`. Nothing written: as MeshConfig says (D19). */
export function checkExportTo(
  context: LowerContext,
  exported: readonly string[] | undefined,
  hidden: boolean,
): readonly string[] {
  const entries = exported ?? [];
  entries.forEach((entry, index) => {
    if (entry === '~' && !hidden) {
      context.report(
        'WEFT0002',
        `spec.exportTo[${index}]`,
        'expected "*", "." or a namespace, got "~"',
        'remove the object to hide it from everybody',
      );
    } else if ((entry === '~' || entry === '*') && entries.length > 1) {
      context.report(
        'WEFT0137',
        `spec.exportTo[${index}]`,
        `${JSON.stringify(entry)} and other entries exclude each other`,
        entry === '*'
          ? 'remove "*" to keep to the others, or write it alone for all'
          : `write ${JSON.stringify(entry)} alone`,
        beside(context, 'spec', `exportTo[${index === 0 ? 1 : 0}]`),
      );
    }
  });
  const named = (entry: string) => (entry === '.' ? context.namespace : entry);
  refuseRepeats(
    context,
    entries.map((entry, index) => [`spec.exportTo[${index}]`, named(entry)]),
    'namespace',
  );
  return entries.length === 0 ? context.exportTo : entries;
}

/** Names that become a part of a host, a workload id and Envoy names are RFC 1123 labels. */
export function checkLabelName(context: LowerContext): void {
  const expected = textRules.label(context.name);
  if (expected === undefined) return;
  const message = `expected ${expected}, got ${JSON.stringify(context.name)}`;
  const near = context.name
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-|-$/g, '')
    .slice(0, 63);
  context.report('WEFT0002', 'metadata.name', message, near === '' ? 'rename it, such as to reviews' : `write ${near}`);
}
