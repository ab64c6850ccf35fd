import { defaultTexts } from '../../src/policy/default-texts.ts';
import { type DocumentShape, documentShapes } from '../../src/policy/document-shapes.ts';
import type { Tier } from '../../src/policy/shape.ts';
import { type InventoryField, inventoryOf } from '../support/field-inventory.ts';
import { differences, otherRefusals, refusedValues, stricter } from './differences.ts';

/** The blocks of a traffic policy are the same at each of its places. */
const repeated =
  /subsets\[\]\.trafficPolicy\.|portLevelSettings\[\]\.(?:loadBalancer|connectionPool|outlierDetection|tls)/;

/** docs/support.md, from the shapes that the parser reads by. */
export function supportPage(): string {
  return [
    '# What Weft reads of the YAML',
    '',
    'Generated from the shapes in `src/policy/kinds/` by `npm run reference`; do not edit. The same list checks the policies and makes the',
    'schema for editors (`weft schema`).',
    '',
    'Every field has one of three outcomes: it is **supported**; or it is valid in Istio and **not supported**, which is an error that names',
    'it ([WEFT0004](codes/WEFT0004.md)) with the tier in which it is planned (T0 and T1 before T2; without a tier it stays refused);',
    'or it is unknown, which is an error with the nearest right name. Outside of security kinds the annotation',
    '`weft.dev/allow-unsupported: spec.trafficDistribution` makes a warning of one refused field, or of a refused word that the tables below',
    'name; it is served without. Never of a kind, of a condition, or of the values further below, without which the object would mean',
    'something else. Nothing is ignored in silence.',
    '',
    '## Kinds',
    '',
    '| kind | apiVersion | |',
    '|---|---|---|',
    ...documentShapes.map(kindLine),
    '',
    '`metadata` holds `name`, `namespace`, `labels` and `annotations`; what a server writes there, and `status`, is skipped.',
    '',
    '## Fields',
    '',
    'A line covers all that stands inside its field, unless the inside has lines of its own. Of a kind that is refused as a whole the',
    'lines say what is planned.',
    '',
    ...documentShapes.flatMap(fieldTable),
    '### Values that are refused by name',
    '',
    'Supported fields whose value is valid in Istio and asks for what Weft does not do: WEFT0004 as well, whatever an annotation says.',
    '',
    '| field | value | |',
    '|---|---|---|',
    ...[...Object.values(refusedValues).flatMap(({ rows }) => rows), ...otherRefusals].map(
      (line) => `| ${line.join(' | ')} |`,
    ),
    '',
    '## Defaults',
    '',
    '| | what holds where nothing is written |',
    '|---|---|',
    ...Object.entries(defaultTexts).map(([id, text]) => `| <a id="${id.toLowerCase()}"></a>${id} | ${text} |`),
    '',
    '## Where Weft differs on purpose',
    '',
    '| | Istio | Weft |',
    '|---|---|---|',
    ...differences.map((line) => `| ${line.join(' | ')} |`),
    '',
    '## Where Weft is stricter on purpose',
    '',
    'Istio accepts these; here they are errors other than WEFT0004.',
    '',
    '| | code | why |',
    '|---|---|---|',
    ...stricter.map((line) => `| ${line.join(' | ')} |`),
    '',
  ].join('\n');
}

function kindLine(document: DocumentShape): string {
  const { kind, apiVersions, file, tier } = document;
  const versions =
    file === undefined ? apiVersions.map((version) => `\`${version}\``).join(', ') : `the file \`${file}\``;
  const name = fieldTable(document).length === 0 ? kind : `[${kind}](#${kind.toLowerCase()})`;
  return `| ${name} | ${versions} | ${tier === undefined ? 'supported' : notSupported(tier)} |`;
}

function fieldTable(document: DocumentShape): readonly string[] {
  const { kind, tier } = document;
  if (kind === 'List') return [];
  const fields = inventoryOf(document);
  const forGood = fields.filter(
    (field) => isNews(field, fields, tier) && field.row === undefined && field.tier === 'never',
  );
  const lines = fields.filter((field) => !forGood.includes(field)).flatMap((field) => linesOf(field, fields, tier));
  if (lines.length === 0) return [];
  const blocks = '`subsets[].trafficPolicy` holds the same as `trafficPolicy`, `portLevelSettings[]` its four blocks.';
  const never = forGood.map(({ path }) => `\`${path}\``).join(', ');
  return [
    `### ${kind}`,
    '',
    ...(kind === 'DestinationRule' ? [blocks, ''] : []),
    '| field | becomes | | default |',
    '|---|---|---|---|',
    ...lines,
    '',
    ...(forGood.length === 0 ? [] : [`Not supported, and not planned: ${never}.`, '']),
  ];
}

/** Whether something begins at a field that does not hold above it. */
function isNews(field: InventoryField, fields: readonly InventoryField[], kindTier: Tier | undefined): boolean {
  const { path, row, deprecated, refused } = field;
  if (repeated.test(path)) return false;
  const above = fields.filter((other) => isBelow(path, other.path)).at(-1);
  return (
    row !== undefined || deprecated !== undefined || (refused && above?.refused !== true && kindTier === undefined)
  );
}

/** The line of a field, if it has one, and one for each of its words that is refused or deprecated. */
function linesOf(
  field: InventoryField,
  fields: readonly InventoryField[],
  kindTier: Tier | undefined,
): readonly string[] {
  const { path, shape, row, deprecated, tier } = field;
  const isLeaf = tier === undefined && !repeated.test(path) && !fields.some((other) => isBelow(other.path, path));
  const state = field.refused
    ? notSupported(tier)
    : deprecated === undefined
      ? 'supported'
      : `deprecated: \`${deprecated}\``;
  const usual = row?.default === undefined ? '' : `[${row.default}](#${row.default.toLowerCase()})`;
  const line = `| \`${path}\` | ${row?.concept ?? ''} | ${state} | ${usual} |`;
  const own = isNews(field, fields, kindTier) || isLeaf ? [line] : [];
  // A word that is refused has its line, though its field may be covered by the one above.
  if (shape.is !== 'choice' || field.refused || repeated.test(path)) return own;
  const word = (name: string, outcome: string) => `| \`${path}: ${name}\` | | ${outcome} | |`;
  return [
    ...own,
    ...Object.entries(shape.deprecated).map(([name, write]) => word(name, `deprecated: \`${write}\``)),
    ...Object.entries(shape.refused).map(([name, refusal]) => word(name, notSupported(refusal))),
  ];
}

function isBelow(path: string, above: string): boolean {
  return path.startsWith(above) && /^(?:\[\]|\{\})*\./.test(path.slice(above.length));
}

function notSupported(tier: Tier | undefined): string {
  return tier === undefined || tier === 'never' ? 'not supported' : `not supported (${tier})`;
}
