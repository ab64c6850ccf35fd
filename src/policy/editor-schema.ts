import { defaultTexts } from './default-texts.ts';
import { type DocumentShape, documentShapes } from './document-shapes.ts';
import { durationText } from './duration.ts';
import type {
  ChoiceShape,
  IntegerShape,
  ListShape,
  MapShape,
  NumberShape,
  ObjectShape,
  Row,
  Shape,
  TextRule,
  TextShape,
} from './shape.ts';
import { ruleDefinitions } from './text-rules.ts';

/** A JSON Schema, draft-07: what the editors read. */
export type JsonSchema = { readonly [key: string]: unknown };

const draft = 'http://json-schema.org/draft-07/schema#';
const durationPattern = '^(?:0|(?:(?:[0-9]+(?:\\.[0-9]*)?|\\.[0-9]+)(?:ns|us|µs|ms|s|m|h))+)$';

/** The schema of one kind, or of any document that names its kind. It lets pass what only the parser can see, and refuses nothing right. */
export function editorSchema(kind?: string): JsonSchema | undefined {
  if (kind !== undefined) {
    const found = documentShapes.find((shape) => shape.kind === kind);
    return found && { $schema: draft, ...documentSchema(found, '#') };
  }
  const named = documentShapes.filter(({ apiVersions }) => apiVersions.length > 0);
  return {
    $schema: draft,
    title: 'A policy of Weft',
    type: 'object',
    required: ['apiVersion', 'kind'],
    properties: { kind: { enum: named.map((shape) => shape.kind) } },
    allOf: named.map((shape) => ({
      if: { properties: { kind: { const: shape.kind } }, required: ['kind'] },
      // biome-ignore lint/suspicious/noThenProperty: a word of JSON Schema
      then: { $ref: `#/definitions/${shape.kind}` },
    })),
    definitions: Object.fromEntries(named.map((shape) => [shape.kind, documentSchema(shape, '#')])),
  };
}

/** `root` is where the schema of any document stands: for the items of a List. */
function documentSchema({ kind, tier, file, document }: DocumentShape, root: string): JsonSchema {
  const schema = schemaOf(document);
  const properties = asSchemas(schema.properties);
  const title = file === undefined ? kind : `${kind} (${file})`;
  if (kind === 'List')
    return { title, ...schema, properties: { ...properties, items: { type: 'array', items: { $ref: root } } } };
  if (tier === undefined) return { title, ...schema };
  return { title, ...schema, properties: { ...properties, kind: { not: {}, description: refusedText(kind, tier) } } };
}

function asSchemas(value: unknown): JsonSchema {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}

/** One shape as a schema. */
export function schemaOf(shape: Shape): JsonSchema {
  return { ...bareSchema(shape), ...(shape.row && shape.is !== 'refused' && { description: rowText(shape.row) }) };
}

function bareSchema(shape: Shape): JsonSchema {
  switch (shape.is) {
    case 'any':
      return {};
    case 'refused':
      return { not: {}, description: refusedText(shape.row?.concept, shape.row?.tier ?? shape.tier) };
    case 'deprecated':
      return { ...schemaOf(shape.shape), deprecated: true, description: `deprecated: write ${shape.write}` };
    case 'object':
      return objectSchema(shape);
    case 'map':
      return mapSchema(shape);
    case 'list':
      return listSchema(shape);
    case 'text':
      return textSchema(shape);
    case 'choice':
      return choiceSchema(shape);
    case 'boolean':
      return { type: 'boolean' };
    case 'integer':
    case 'number':
      return numberSchema(shape);
    case 'percent':
      return { type: 'number', minimum: 0, maximum: 100 };
    case 'bytes':
      return { type: 'string', contentEncoding: 'base64', pattern: '^[0-9A-Za-z+/]+={0,2}$' };
    case 'duration': {
      const least = shape.min > 0 ? `, at least ${durationText(shape.min)}` : '';
      return { type: 'string', pattern: durationPattern, description: `a duration such as 1.5s or 100ms${least}` };
    }
    case 'port-or-name':
      return {
        anyOf: [
          { type: 'integer', minimum: 0, maximum: 65535 },
          { type: 'string', maxLength: 15 },
        ],
      };
    default:
      return shape satisfies never;
  }
}

function objectSchema(shape: ObjectShape): JsonSchema {
  const anyOf = (group: readonly string[]) => ({ anyOf: group.map((name) => ({ required: [name] })) });
  const together = [
    ...[...shape.exclusive, ...shape.oneOf].flatMap(pairs).map((pair) => ({ not: { required: pair } })),
    ...[...shape.oneOf, ...shape.atLeastOne].map(anyOf),
  ];
  return {
    type: 'object',
    properties: Object.fromEntries(Object.entries(shape.fields).map(([name, inner]) => [name, schemaOf(inner)])),
    additionalProperties: false,
    ...(shape.required.length > 0 && { required: shape.required }),
    ...(shape.nonEmpty && { minProperties: 1 }),
    ...(Object.keys(shape.requires).length > 0 && { dependencies: shape.requires }),
    ...(together.length > 0 && { allOf: together }),
  };
}

function pairs(group: readonly string[]): readonly (readonly [string, string])[] {
  return group.flatMap((first, index) => group.slice(index + 1).map((second) => [first, second] as const));
}

function mapSchema(shape: MapShape): JsonSchema {
  const rule: TextRule = shape.keys === 'port' ? 'port-text' : shape.keys === 'any' ? 'free' : shape.keys;
  const { pattern } = ruleDefinitions[rule];
  return {
    type: 'object',
    additionalProperties: schemaOf(shape.values),
    ...(pattern !== undefined && { propertyNames: { pattern } }),
    ...(shape.min > 0 && { minProperties: shape.min }),
    ...(Number.isFinite(shape.max) && { maxProperties: shape.max }),
  };
}

function listSchema(shape: ListShape): JsonSchema {
  return {
    type: 'array',
    items: schemaOf(shape.items),
    ...(shape.min > 0 && { minItems: shape.min }),
    ...(Number.isFinite(shape.max) && { maxItems: shape.max }),
    ...(shape.unique === true && { uniqueItems: true }),
  };
}

function textSchema(shape: TextShape): JsonSchema {
  const { rule, maxLength } = shape;
  const mayBeEmpty = !shape.nonEmpty || rule === 'label-value';
  const definition = rule && ruleDefinitions[rule];
  const pattern = definition?.pattern;
  return {
    type: 'string',
    ...(definition && rule !== 'free' && { description: definition.expected }),
    ...(!mayBeEmpty && { minLength: 1 }),
    ...(maxLength !== undefined && { maxLength }),
    ...(pattern !== undefined && { pattern: mayBeEmpty ? `^$|${pattern}` : pattern }),
  };
}

function choiceSchema(shape: ChoiceShape): JsonSchema {
  const refused = Object.entries(shape.refused).map(([word, tier]) => refusedText(word, tier));
  return {
    enum: [...shape.values, ...Object.keys(shape.deprecated)],
    ...(refused.length > 0 && { description: refused.join('; ') }),
  };
}

function numberSchema(shape: IntegerShape | NumberShape): JsonSchema {
  const above = shape.is === 'number' && shape.above;
  return {
    type: shape.is,
    ...(Number.isFinite(shape.min) && { [above ? 'exclusiveMinimum' : 'minimum']: shape.min }),
    ...(Number.isFinite(shape.max) && { maximum: shape.max }),
  };
}

function refusedText(what: string | undefined, tier: string): string {
  const planned = tier === 'never' ? '' : ` (${tier})`;
  return `${what === undefined ? '' : `${what}: `}valid in Istio, not supported by Weft${planned}`;
}

function rowText(row: Row): string {
  return `${row.concept}${row.default === undefined ? '' : `; without it: ${defaultTexts[row.default]} (${row.default})`}`;
}
