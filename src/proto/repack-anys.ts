import type { DescMessage, Message } from '@bufbuild/protobuf';
import { isMessage } from '@bufbuild/protobuf';
import { type Any, AnySchema } from '@bufbuild/protobuf/wkt';
import { decodeAny, pack } from './codec.ts';
import { messagesOf } from './messages-of.ts';
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
