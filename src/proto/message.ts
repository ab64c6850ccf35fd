import type { DescField, DescMessage, MessageInitShape, MessageShape } from '@bufbuild/protobuf';
import { create, isMessage } from '@bufbuild/protobuf';
import { CodecError } from './codec-error.ts';

/**
 * A message of the schema, from its fields in camelCase. The compiler refuses a field or enum name that does not exist;
 * one that reaches this function through a variable throws CodecError, where `create` alone would drop it.
 */
export function message<Desc extends DescMessage>(schema: Desc, init?: MessageInitShape<Desc>): MessageShape<Desc> {
  if (init !== undefined) refuseUnknown(schema, init, schema.typeName, '');
  return create(schema, init);
}

function refuseUnknown(schema: DescMessage, init: unknown, root: string, path: string): void {
  if (typeof init !== 'object' || init === null) return;
  if (isMessage(init)) {
    if (init.$typeName === schema.typeName) return;
    throw new CodecError(root, path, `a ${init.$typeName} stands where a ${schema.typeName} belongs`);
  }
  if (schema.typeName === 'google.protobuf.Struct') return;
  const members = membersOf(schema);
  for (const key of Object.keys(init)) {
    const value: unknown = Reflect.get(init, key);
    if (key === '$typeName' || key === '$unknown' || value === undefined || value === null) continue;
    const member = members.get(key);
    // Most hold no message, in which something unknown could be.
    if (member !== undefined && member !== 'oneof' && member.message === undefined) continue;
    const here = path === '' ? key : `${path}.${key}`;
    if (member === undefined) throw new CodecError(root, here, 'unknown field');
    if (member !== 'oneof') refuseInField(member, value, root, here);
    else refuseInOneof(schema, key, value as { case?: string; value?: unknown }, root, here);
  }
}

function refuseInOneof(
  schema: DescMessage,
  name: string,
  chosen: { readonly case?: string; readonly value?: unknown },
  root: string,
  path: string,
): void {
  if (chosen.case === undefined) return;
  const field = schema.oneofs
    .find((oneof) => oneof.localName === name)
    ?.fields.find((candidate) => candidate.localName === chosen.case);
  if (field === undefined) throw new CodecError(root, `${path}.${chosen.case}`, 'unknown field');
  refuseInField(field, chosen.value, root, `${path}.${chosen.case}`);
}

function refuseInField(field: DescField, value: unknown, root: string, path: string): void {
  const { message: schema } = field;
  if (schema === undefined || value === undefined || value === null) return;
  if (field.fieldKind === 'message') refuseUnknown(schema, value, root, path);
  else for (const [key, item] of Object.entries(value as object)) refuseUnknown(schema, item, root, `${path}[${key}]`);
}

const memberCache = new Map<DescMessage, ReadonlyMap<string, DescField | 'oneof'>>();

function membersOf(schema: DescMessage): ReadonlyMap<string, DescField | 'oneof'> {
  const known = memberCache.get(schema);
  if (known !== undefined) return known;
  const members = new Map<string, DescField | 'oneof'>(
    schema.members.map((member) => [member.localName, member.kind === 'oneof' ? 'oneof' : member]),
  );
  memberCache.set(schema, members);
  return members;
}
