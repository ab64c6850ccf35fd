import type { DescField, DescMessage, Message } from '@bufbuild/protobuf';
import { isMessage, ScalarType, toBinary } from '@bufbuild/protobuf';
import { isScalarZeroValue } from '@bufbuild/protobuf/reflect';
import { BinaryWriter } from '@bufbuild/protobuf/wire';
import { isWrapperDesc } from '@bufbuild/protobuf/wkt';
import { BackwardBuffer, tagOf } from './backward-buffer.ts';
import { writeStruct } from './write-struct.ts';

/*
 * The bytes that `toBinary` of protobuf-es gives, with the keys of maps and Structs in order (section 7.3: equal bytes for equal content,
 * X32), in a third to a fifth of its time: it looks at each message through a mirror, and copies each as often as it is deep in others.
 */

/** Writes a value of a field without its tag. Throws a TypeError for one of another kind. */
type Put = (value: unknown) => void;

interface FieldPlan {
  readonly localName: string;
  readonly oneof: string | undefined;
  readonly isSet: (owner: object, value: unknown) => boolean;
  /** With its tag, and all items of it. */
  readonly write: Put;
}

const varint = 0;
/** Of the features of a field (descriptor.proto). */
const presences = { implicit: 2, required: 3 };
const out = new BackwardBuffer();

/** The bytes of a whole message. Throws where a value is of another kind than its field. */
export function writeMessage(schema: DescMessage, value: Message): Uint8Array<ArrayBuffer> {
  out.clear();
  putMessage(schema, value);
  return out.copy();
}

function putMessage(schema: DescMessage, value: unknown): void {
  const { $typeName, $unknown } = value as Message;
  if ($typeName !== schema.typeName) throw new TypeError(`a ${$typeName ?? typeof value} is no ${schema.typeName}`);
  const plan = planOf(schema);
  if (plan === undefined) {
    out.bytes(toBinary(schema, value as Message));
    return;
  }
  for (const { no, wireType, data } of $unknown?.toReversed() ?? []) {
    out.bytes(data);
    out.varint(tagOf(no, wireType));
  }
  for (const field of plan) {
    const inField =
      field.oneof === undefined
        ? Reflect.get(value as object, field.localName)
        : chosen(Reflect.get(value as object, field.oneof), field.localName);
    if (field.isSet(value as object, inField)) field.write(inField);
  }
}

function chosen(oneof: { readonly case?: string; readonly value?: unknown }, name: string): unknown {
  return oneof.case === name ? oneof.value : undefined;
}

const plans = new Map<DescMessage, readonly FieldPlan[] | undefined>();

/** The fields from the highest number to the lowest. Undefined: what Envoy has nowhere, groups and required fields, is left to the library. */
function planOf(schema: DescMessage): readonly FieldPlan[] | undefined {
  if (plans.has(schema)) return plans.get(schema);
  const isForeign = schema.fields.some(
    (field) => field.presence === presences.required || ('delimitedEncoding' in field && field.delimitedEncoding),
  );
  const fields = schema.fields.toSorted((one, other) => other.number - one.number);
  const plan = isForeign
    ? undefined
    : fields.map((field) => ({
        localName: field.localName,
        oneof: field.oneof?.localName,
        isSet: settingOf(field),
        write: writerOf(field),
      }));
  plans.set(schema, plan);
  return plan;
}

function settingOf(field: DescField): FieldPlan['isSet'] {
  if (field.oneof !== undefined) return (_owner, value) => value !== undefined;
  // What is not set may have a default, which the message inherits.
  if (field.presence !== presences.implicit)
    return (owner, value) => value !== undefined && Object.hasOwn(owner, field.localName);
  switch (field.fieldKind) {
    case 'list':
      return (_owner, value) => (value as unknown[]).length > 0;
    case 'scalar':
      return (_owner, value) => !isScalarZeroValue(field.scalar, value);
    case 'enum':
      return (_owner, value) => value !== field.enum.values[0]?.number;
    default:
      return (_owner, value) => value !== undefined;
  }
}

function writerOf(field: DescField): Put {
  const { number } = field;
  switch (field.fieldKind) {
    case 'scalar':
    case 'enum':
      return tagged(number, field.scalar ?? ScalarType.INT32, scalarPut(field, field.scalar ?? ScalarType.INT32));
    case 'message':
      return delimited(number, contentPut(field, field.message));
    case 'list':
      return listWriter(field);
    default:
      return mapWriter(field);
  }
}

function listWriter(field: DescField & { fieldKind: 'list' }): Put {
  const type = field.scalar ?? ScalarType.INT32;
  const put = field.listKind === 'message' ? contentPut(field, field.message) : scalarPut(field, type);
  if (field.packed)
    return delimited(field.number, (items) => {
      for (const item of (items as unknown[]).toReversed()) put(item);
    });
  const write = field.listKind === 'message' ? delimited(field.number, put) : tagged(field.number, type, put);
  return (items) => {
    const all = items as unknown[];
    for (let index = all.length - 1; index >= 0; index -= 1) write(all[index]);
  };
}

function mapWriter(field: DescField & { fieldKind: 'map' }): Put {
  const type = field.scalar ?? ScalarType.INT32;
  const writeValue =
    field.mapKind === 'message'
      ? delimited(2, contentPut(field, field.message))
      : tagged(2, type, scalarPut(field, type));
  const isText = field.mapKey === ScalarType.STRING;
  const writeKey = tagged(1, field.mapKey, scalarPut(field, field.mapKey));
  const writeEntry = delimited(field.number, (entry) => {
    const [key, value] = entry as readonly [string, unknown];
    writeValue(value);
    writeKey(isText ? key : keyOf(key));
  });
  return (map) => {
    const all = Object.entries(map as object);
    for (const entry of all.sort(([one], [other]) => (one < other ? 1 : -1))) writeEntry(entry);
  };
}

function keyOf(text: string): unknown {
  return text === 'true' || text === 'false' ? text === 'true' : Number(text);
}

function delimited(number: number, put: Put): Put {
  return (value) => out.delimited(number, () => put(value));
}

function tagged(number: number, type: ScalarType, put: Put): Put {
  if (type === ScalarType.STRING || type === ScalarType.BYTES) return delimited(number, put);
  const tag = tagOf(number, wireTypes.get(type) ?? varint);
  return (value) => {
    put(value);
    out.varint(tag);
  };
}

const wireTypes: ReadonlyMap<ScalarType, number> = new Map([
  [ScalarType.DOUBLE, 1],
  [ScalarType.FIXED64, 1],
  [ScalarType.SFIXED64, 1],
  [ScalarType.FLOAT, 5],
  [ScalarType.FIXED32, 5],
  [ScalarType.SFIXED32, 5],
]);

/** protobuf-es keeps a wrapper as its value, and a Struct as plain JSON, where they stand in fields. */
function contentPut(field: DescField, schema: DescMessage): Put {
  const { typeName } = schema;
  if (isWrapperDesc(schema) && field.fieldKind === 'message' && field.oneof === undefined)
    return (value) => putMessage(schema, { $typeName: typeName, value });
  if (typeName !== 'google.protobuf.Struct') return (value) => putMessage(schema, value);
  return (value) => {
    if (isMessage(value)) putMessage(schema, value);
    else writeStruct(out, value);
  };
}

function scalarPut(field: DescField, type: ScalarType): Put {
  const refuse = (value: unknown): never => {
    const shown = typeof value === 'object' ? 'an object' : `${typeof value} ${String(value)}`;
    throw new TypeError(`${shown} does not fit ${field.parent.typeName}.${field.name}`);
  };
  switch (type) {
    case ScalarType.STRING:
      return (value) => (typeof value === 'string' ? out.text(value) : refuse(value));
    case ScalarType.BYTES:
      return (value) => (value instanceof Uint8Array ? out.bytes(value) : refuse(value));
    case ScalarType.BOOL:
      return (value) => (typeof value === 'boolean' ? out.varint(value ? 1 : 0) : refuse(value));
    case ScalarType.DOUBLE:
      return (value) => (typeof value === 'number' ? out.double(value) : refuse(value));
    default:
      return (value) => {
        const number = typeof value === 'bigint' ? Number(value) : value;
        const isSmall = typeof number === 'number' && Number.isInteger(number) && number >= 0 && number < 2 ** 31;
        if (isSmall && asItIs.has(type)) out.varint(number);
        else out.bytes(byLibrary(type, value) ?? refuse(value));
      };
  }
}

/** Small numbers of these types are written as they are. */
const asItIs: ReadonlySet<ScalarType> = new Set([
  ScalarType.INT32,
  ScalarType.UINT32,
  ScalarType.INT64,
  ScalarType.UINT64,
]);

/** What is rare. Undefined: it does not fit. */
function byLibrary(type: ScalarType, value: unknown): Uint8Array | undefined {
  const writer = new BinaryWriter();
  const write = rare.get(type);
  try {
    write?.call(writer, value as never);
    return writer.finish();
  } catch {
    return undefined;
  }
}

const { prototype } = BinaryWriter;
const rare: ReadonlyMap<ScalarType, (this: BinaryWriter, value: never) => BinaryWriter> = new Map([
  [ScalarType.INT32, prototype.int32],
  [ScalarType.UINT32, prototype.uint32],
  [ScalarType.SINT32, prototype.sint32],
  [ScalarType.FIXED32, prototype.fixed32],
  [ScalarType.SFIXED32, prototype.sfixed32],
  [ScalarType.FLOAT, prototype.float],
  [ScalarType.INT64, prototype.int64],
  [ScalarType.UINT64, prototype.uint64],
  [ScalarType.SINT64, prototype.sint64],
  [ScalarType.FIXED64, prototype.fixed64],
  [ScalarType.SFIXED64, prototype.sfixed64],
]);
