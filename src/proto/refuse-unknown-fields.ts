import type { DescMessage, Message } from '@bufbuild/protobuf';
import { isMessage } from '@bufbuild/protobuf';
import { AnySchema } from '@bufbuild/protobuf/wkt';
import { decodeAny } from './codec.ts';
import { CodecError } from './codec-error.ts';
import { messagesOf } from './messages-of.ts';
import { schemaOf } from './registry.ts';

/** Throws CodecError, with type and field number, if the message or one in it (Anys too) holds a field that its schema does not know. */
export function refuseUnknownFields(schema: DescMessage, message: Message, path = ''): void {
  const [unknown] = message.$unknown ?? [];
  if (unknown !== undefined) throw new CodecError(schema.typeName, path, `unknown field number ${unknown.no}`);
  if (isMessage(message, AnySchema)) {
    if (message.typeUrl !== '') refuseUnknownFields(schemaOf(message.typeUrl), decodeAny(message), path);
    return;
  }
  for (const field of schema.fields) {
    if (field.message === undefined) continue;
    const here = path === '' ? field.jsonName : `${path}.${field.jsonName}`;
    for (const value of messagesOf(field, message)) refuseUnknownFields(field.message, value, here);
  }
}
