import type { DescMessage, Message, MessageInitShape, MessageShape } from '@bufbuild/protobuf';
import { fromBinary, isMessage } from '@bufbuild/protobuf';
import { type Any, AnySchema } from '@bufbuild/protobuf/wkt';
import { CodecError, reasonOf } from './codec-error.ts';
import { message } from './message.ts';
import { schemaOf } from './registry.ts';
import { writeMessage } from './write-message.ts';

/** The type URL under which xDS and Any name a message: `type.googleapis.com/` and its full name. */
export function typeUrl(schema: DescMessage): string {
  return `type.googleapis.com/${schema.typeName}`;
}

/**
 * The bytes of a message, given whole or as its fields. Equal content gives equal bytes, whatever the order in which
 * map keys were set (X32, section 7.3). Throws CodecError on an unknown field or a value of the wrong kind.
 */
export function encode<Desc extends DescMessage>(
  schema: Desc,
  value: MessageShape<Desc> | MessageInitShape<Desc>,
): Uint8Array<ArrayBuffer> {
  const whole = isMessage(value, schema) ? value : message(schema, value as MessageInitShape<Desc>);
  try {
    return writeMessage(schema, whole as MessageShape<Desc>);
  } catch (error) {
    throw new CodecError(schema.typeName, '', reasonOf(error), { cause: error });
  }
}

/** A message from its bytes. Fields that the schema does not know are kept and encoded again. Throws CodecError. */
export function decode<Desc extends DescMessage>(schema: Desc, bytes: Uint8Array): MessageShape<Desc> {
  try {
    return fromBinary(schema, bytes);
  } catch (error) {
    throw new CodecError(schema.typeName, '', reasonOf(error), { cause: error });
  }
}

/** An Any with the deterministic bytes of a message. Throws CodecError when the type is not one of ours. */
export function pack<Desc extends DescMessage>(
  schema: Desc,
  value: MessageShape<Desc> | MessageInitShape<Desc> = {} as MessageInitShape<Desc>,
): Any {
  schemaOf(schema.typeName);
  const whole = isMessage(value, schema) ? value : message(schema, value as MessageInitShape<Desc>);
  const any = message(AnySchema, { typeUrl: typeUrl(schema), value: encode(schema, whole as MessageShape<Desc>) });
  contents.set(any, whole as MessageShape<Desc>);
  return any;
}

/** What was packed here, for who would only decode it again. */
const contents = new WeakMap<Any, Message>();

/** The message that an Any was packed from; undefined: it comes from elsewhere. */
export function packed(any: Any): Message | undefined {
  return contents.get(any);
}

/** The message inside an Any. Throws CodecError when its type is unknown or its bytes do not fit. */
export function decodeAny(any: Any): Message {
  return decode(schemaOf(any.typeUrl), any.value);
}
