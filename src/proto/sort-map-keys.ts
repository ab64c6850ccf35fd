import type { DescField, DescMessage, JsonObject, JsonValue, Message } from '@bufbuild/protobuf';
import { isMessage } from '@bufbuild/protobuf';

/**
 * The same message with the keys of every map and Struct in order, at every depth (section 7.3: protobuf-es writes
 * them in the order of insertion, and X32 wants equal bytes for equal content). Nothing is changed in place; parts
 * that hold no map are shared. Packed Anys are bytes and are left alone: `pack` has sorted them already.
 */
export function sortMapKeys<Shape extends Message>(schema: DescMessage, message: Shape): Shape {
  if (!reachesMap(schema)) return message;
  let changes: Map<string, unknown> | undefined;
  for (const member of membersWithMaps(schema)) {
    const before = property(message, member.localName);
    if (before === undefined) continue;
    if (member.kind === 'oneof') {
      const chosen = before as { case?: string; value?: unknown };
      const field = chosen.case === undefined ? undefined : member.byName.get(chosen.case);
      if (field === undefined) continue;
      const value = sortField(field, chosen.value);
      if (value === chosen.value) continue;
      changes ??= new Map();
      changes.set(member.localName, { case: chosen.case, value });
    } else {
      const value = sortField(member.field, before);
      if (value === before) continue;
      changes ??= new Map();
      changes.set(member.localName, value);
    }
  }
  return changes === undefined ? message : copyWith(message, changes);
}

/** A part of a type below which a map can stand. */
type MemberWithMaps =
  | { readonly kind: 'field'; readonly localName: string; readonly field: DescField }
  | { readonly kind: 'oneof'; readonly localName: string; readonly byName: ReadonlyMap<string, DescField> };

const withMaps = new Map<DescMessage, readonly MemberWithMaps[]>();

/** Most fields of a type have none, and messages are encoded by the ten thousand. */
function membersWithMaps(schema: DescMessage): readonly MemberWithMaps[] {
  const known = withMaps.get(schema);
  if (known !== undefined) return known;
  const leads = (field: DescField) =>
    field.fieldKind === 'map' ||
    (field.message !== undefined && (isStruct(field.message) || reachesMap(field.message)));
  const members = schema.members.flatMap((member): MemberWithMaps[] => {
    const { localName } = member;
    if (member.kind === 'field') return leads(member) ? [{ kind: 'field', localName, field: member }] : [];
    const byName = new Map(member.fields.filter(leads).map((field) => [field.localName, field]));
    return byName.size === 0 ? [] : [{ kind: 'oneof', localName, byName }];
  });
  withMaps.set(schema, members);
  return members;
}

const isStruct = ({ typeName }: DescMessage): boolean => typeName === 'google.protobuf.Struct';

function sortField(field: DescField, value: unknown): unknown {
  if (value === undefined || value === null) return value;
  switch (field.fieldKind) {
    case 'message':
      return sortValue(field.message, value);
    case 'list': {
      if (field.listKind !== 'message') return value;
      const { message } = field;
      return reachesMap(message) ? shareIfEqual(value as unknown[], (item) => sortValue(message, item)) : value;
    }
    case 'map': {
      const { message } = field;
      return sortObject(value as object, (item) => (message === undefined ? item : sortValue(message, item)));
    }
    default:
      return value;
  }
}

/** One message value; protobuf-es keeps a Struct as plain JSON unless it stands inside a Value. */
function sortValue(schema: DescMessage, value: unknown): unknown {
  if (isMessage(value)) return sortMapKeys(schema, value);
  return isStruct(schema) ? sortJson(value as JsonObject) : value;
}

function sortJson(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return shareIfEqual(value, sortJson) as JsonValue[];
  if (typeof value !== 'object' || value === null) return value;
  return sortObject(value, (item) => sortJson(item as JsonValue)) as JsonObject;
}

function shareIfEqual(items: readonly unknown[], change: (item: never) => unknown): unknown[] {
  const changed = items.map((item) => change(item as never));
  return changed.every((item, index) => item === items[index]) ? (items as unknown[]) : changed;
}

function sortObject(object: object, change: (item: unknown) => unknown): object {
  const entries = Object.entries(object);
  const changed = entries.map(([key, value]) => [key, change(value)] as const);
  const inOrder = entries.every(([key], index) => index === 0 || (entries[index - 1]?.[0] ?? '') < key);
  if (inOrder && changed.every(([, value], index) => value === entries[index]?.[1])) return object;
  return Object.fromEntries([...changed].sort(([left], [right]) => (left < right ? -1 : 1)));
}

function copyWith<Shape extends Message>(message: Shape, changes: ReadonlyMap<string, unknown>): Shape {
  const properties: PropertyDescriptorMap = Object.getOwnPropertyDescriptors(message);
  for (const [name, value] of changes)
    properties[name] = { value, enumerable: true, writable: true, configurable: true };
  return Object.create(Object.getPrototypeOf(message), properties) as Shape;
}

const property = (message: Message, name: string): unknown => Reflect.get(message, name);

const reaching = new Map<string, boolean>();

/** Whether a map can stand anywhere below this type; most types of Envoy have none, and are passed over. */
function reachesMap(schema: DescMessage): boolean {
  const known = reaching.get(schema.typeName);
  if (known !== undefined) return known;
  const seen = new Set<string>();
  const open = [schema];
  let found = false;
  for (let next = open.pop(); next !== undefined && !found; next = open.pop()) {
    if (seen.has(next.typeName)) continue;
    seen.add(next.typeName);
    for (const field of next.fields) {
      if (field.fieldKind === 'map') found = true;
      else if (field.message !== undefined) open.push(field.message);
    }
  }
  reaching.set(schema.typeName, found);
  return found;
}
