import type { DescField, DescMessage, Message } from '@bufbuild/protobuf';
import { isMessage } from '@bufbuild/protobuf';
import { type Any, AnySchema } from '@bufbuild/protobuf/wkt';
import { decodeAny, pack } from './codec.ts';
import { schemaOf } from './registry.ts';

/**
 * A message freshly read from JSON, with every Any in it packed again by our own encoder, innermost first: the JSON reader
 * packs them with map keys in the order of the text. The message is the caller's own and is completed in place.
 */
export function repackAnys<Shape extends Message>(schema: DescMessage, message: Shape): Shape {
  if (isMessage(message, AnySchema)) {
    repack(message);
    return message;
  }
  for (const field of schema.fields) {
    if (field.message === undefined) continue;
    for (const value of messagesOf(field, message)) repackAnys(field.message, value);
  }
  return message;
}

function repack(any: Any): void {
  if (any.typeUrl === '') return;
  const schema = schemaOf(any.typeUrl);
  any.value = pack(schema, repackAnys(schema, decodeAny(any))).value;
}

function messagesOf(field: DescField, message: Message): readonly Message[] {
  const fields = message as unknown as Record<string, unknown>;
  const chosen = field.oneof === undefined ? undefined : (fields[field.oneof.localName] as OneofValue);
  const value = field.oneof === undefined ? fields[field.localName] : chosen?.case === field.localName && chosen.value;
  if (isMessage(value)) return [value];
  if (typeof value !== 'object' || value === null || field.fieldKind === 'message') return [];
  return Object.values(value).filter((item): item is Message => isMessage(item));
}

interface OneofValue {
  readonly case?: string;
  readonly value?: unknown;
}
