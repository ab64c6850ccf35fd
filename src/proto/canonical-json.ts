import type { DescMessage, JsonValue, Message, MessageShape } from '@bufbuild/protobuf';
import { fromJson, toJson } from '@bufbuild/protobuf';
import { CodecError, reasonOf } from './codec-error.ts';
import { locateJsonError } from './locate-json-error.ts';
import { refuseUnknownFields } from './refuse-unknown-fields.ts';
import { registry, schemaOf } from './registry.ts';
import { repackAnys } from './repack-anys.ts';

/**
 * A message from canonical protobuf JSON, field names in camelCase or as in the .proto file. An unknown field, enum name
 * or `@type` throws CodecError with the path; nothing is dropped (section 7.3).
 */
export function fromCanonicalJson<Desc extends DescMessage>(schema: Desc, json: unknown): MessageShape<Desc> {
  let parsed: MessageShape<Desc>;
  try {
    parsed = fromJson(schema, json as JsonValue, { registry });
  } catch (error) {
    const { path, reason } = locateJsonError(schema, json) ?? { path: '', reason: reasonOf(error) };
    throw new CodecError(schema.typeName, path, reason, { cause: error });
  }
  return repackAnys(schema, parsed);
}

/**
 * A message as canonical protobuf JSON: camelCase names, Anys opened. Throws CodecError on an Any of unknown type and on a field,
 * at any depth, that the schema does not know: it has no JSON name, and nothing is dropped (section 7.3).
 */
export function toCanonicalJson(value: Message): JsonValue {
  return print(value, false);
}

/** The same with the field names of the .proto files, as Envoy's bootstrap files and config_dump write them. */
export function toEnvoyJson(value: Message): JsonValue {
  return print(value, true);
}

function print(value: Message, useProtoFieldName: boolean): JsonValue {
  const schema = schemaOf(value.$typeName);
  refuseUnknownFields(schema, value);
  try {
    return toJson(schema, value, { registry, useProtoFieldName });
  } catch (error) {
    throw new CodecError(schema.typeName, '', reasonOf(error), { cause: error });
  }
}
