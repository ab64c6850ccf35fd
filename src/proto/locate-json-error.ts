import type { DescField, DescMessage, JsonValue } from '@bufbuild/protobuf';
import { fromJson } from '@bufbuild/protobuf';
import { reasonOf } from './codec-error.ts';
import { registry } from './registry.ts';

export interface JsonErrorPlace {
  readonly path: string;
  readonly reason: string;
}

/** Where in the JSON the reader of the schema stumbles: the deepest place that fails on its own; undefined if none does. */
export function locateJsonError(schema: DescMessage, json: unknown, path = ''): JsonErrorPlace | undefined {
  const failure = reasonAgainst(schema, json);
  if (failure === undefined) return undefined;
  if (schema.typeName === 'google.protobuf.Any') return locateInAny(json, path) ?? { path, reason: failure };
  if (hasOwnJsonForm(schema) || !isObject(json)) return { path, reason: failure };
  for (const [key, value] of Object.entries(json)) {
    const here = path === '' ? key : `${path}.${key}`;
    const field = schema.fields.find((candidate) => candidate.jsonName === key || candidate.name === key);
    if (field === undefined) return { path: here, reason: 'unknown field' };
    const inner = locateInField(schema, field, key, value, here);
    if (inner !== undefined) return inner;
  }
  return { path, reason: failure };
}

function locateInField(schema: DescMessage, field: DescField, key: string, value: unknown, path: string) {
  if (field.message !== undefined) {
    if (field.fieldKind === 'message') return locateJsonError(field.message, value, path);
    if (typeof value === 'object' && value !== null)
      for (const [index, item] of Object.entries(value)) {
        const inner = locateJsonError(field.message, item, `${path}[${index}]`);
        if (inner !== undefined) return inner;
      }
  }
  const reason = reasonAgainst(schema, { [key]: value });
  return reason === undefined ? undefined : { path, reason };
}

function locateInAny(json: unknown, path: string): JsonErrorPlace | undefined {
  const typeUrl = isObject(json) ? json['@type'] : undefined;
  const here = path === '' ? '@type' : `${path}.@type`;
  if (typeof typeUrl !== 'string') return { path: here, reason: 'missing' };
  const schema = registry.getMessage(typeUrl.slice(typeUrl.lastIndexOf('/') + 1));
  if (schema === undefined || !typeUrl.includes('/')) return { path: here, reason: `unknown type "${typeUrl}"` };
  const { '@type': _, ...fields } = json as Record<string, unknown>;
  if (!hasOwnJsonForm(schema)) return locateJsonError(schema, fields, path);
  return 'value' in fields ? locateJsonError(schema, fields.value, `${path}.value`) : undefined;
}

/** The types of google.protobuf whose JSON is not an object of their fields. */
function hasOwnJsonForm(schema: DescMessage): boolean {
  return schema.typeName.startsWith('google.protobuf.') && schema.typeName !== 'google.protobuf.Empty';
}

function reasonAgainst(schema: DescMessage, json: unknown): string | undefined {
  try {
    fromJson(schema, json as JsonValue, { registry });
    return undefined;
  } catch (error) {
    return reasonOf(error);
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
