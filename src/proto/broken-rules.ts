import type { DescField, DescMessage, Message } from '@bufbuild/protobuf';
import { getOption, hasOption, isFieldSet, isMessage } from '@bufbuild/protobuf';
import { type Any, AnySchema, isWrapperDesc } from '@bufbuild/protobuf/wkt';
import { decodeAny, packed } from './codec.ts';
import { disabled, type FieldRules, required, rules as rulesOption } from './gen/validate/validate_pb.ts';
import { schemaOf } from './registry.ts';
import { brokenCount, brokenRule } from './value-rules.ts';

/** What Envoy's own rules for a field, which stand in its `.proto` files, say of a value. */
export interface BrokenRule {
  /** From the resource down, as Envoy writes JSON: `virtualHosts[0].routes[2].match`. */
  readonly path: string;
  /** The message whose field it is. */
  readonly message: string;
  /** In words: `must have at least 1 entries`. */
  readonly rule: string;
}

/**
 * What a message and all that is in it, Anys too, break of the rules that Envoy checks before it looks at the content (WEFT0601). Empty:
 * nothing. What Envoy finds only when it builds something of the message is not seen here.
 */
export function brokenRules(schema: DescMessage, message: Message): readonly BrokenRule[] {
  const found: BrokenRule[] = [];
  visit(schema, message, undefined, found);
  return found;
}

/** Where a message stands: its text is made only for what is broken. */
interface Place {
  readonly above: Place | undefined;
  readonly name: string;
  /** Of an item of a list or map. */
  readonly key: string | number | undefined;
}

function pathOf(place: Place | undefined): string {
  if (place === undefined) return '';
  const { above, name, key } = place;
  return `${above === undefined ? '' : `${pathOf(above)}.`}${name}${key === undefined ? '' : `[${key}]`}`;
}

/** A field that has rules, or leads to some. */
interface AskedField {
  readonly field: DescField;
  /** The field of the message that says which of several is chosen. */
  readonly oneof: string | undefined;
  readonly rules: FieldRules | undefined;
  readonly isRequired: boolean;
  /** Of a list or map: what was set. */
  readonly own: Readonly<Record<string, unknown>>;
  /** The message that it holds, if that can break anything. */
  readonly inner: DescMessage | undefined;
}

/** What one message type asks of its own fields, read from its options once. */
interface Asked {
  readonly fields: readonly AskedField[];
  /** Of these one must be chosen. */
  readonly oneofs: readonly string[];
}

const known = new Map<string, Asked>();

function askedOf(schema: DescMessage): Asked {
  let asked = known.get(schema.typeName);
  if (asked === undefined) {
    asked = {
      fields: schema.fields.flatMap((field): readonly AskedField[] => {
        const rules = rulesOf(schema, field);
        const inner = field.message !== undefined && leadsToRules(field.message) ? field.message : undefined;
        if (rules === undefined && inner === undefined) return [];
        const own = rules === undefined ? {} : written(rules.type.value);
        const isRequired = own.required === true || rules?.message?.required === true;
        return [{ field, oneof: field.oneof?.localName, rules, isRequired, own, inner }];
      }),
      oneofs: requiredOneofs(schema),
    };
    known.set(schema.typeName, asked);
  }
  return asked;
}

function isOff(schema: DescMessage): boolean {
  return hasOption(schema, disabled) && getOption(schema, disabled);
}

function rulesOf(schema: DescMessage, field: DescField): FieldRules | undefined {
  return !isOff(schema) && hasOption(field, rulesOption) ? getOption(field, rulesOption) : undefined;
}

function requiredOneofs(schema: DescMessage): readonly string[] {
  if (isOff(schema)) return [];
  return schema.oneofs
    .filter((oneof) => hasOption(oneof, required) && getOption(oneof, required))
    .map(({ localName }) => localName);
}

/** Whether a message, or one that may be in it, has rules: most of what a resource holds has none. */
function leadsToRules(schema: DescMessage): boolean {
  const seen = new Set<DescMessage>([schema]);
  for (const one of seen) {
    if (one === AnySchema || one.typeName === AnySchema.typeName || requiredOneofs(one).length > 0) return true;
    if (one.fields.some((field) => rulesOf(one, field) !== undefined)) return true;
    for (const { message } of one.fields) if (message !== undefined && !isWrapperDesc(message)) seen.add(message);
  }
  return false;
}

/** Anys that break nothing, by type and bytes: the same few stand in all resources, most of them as the very same values. */
const soundAnys = new Set<string>();
const soundValues = new WeakSet<Any>();
const mostSoundAnys = 10_000;
const longestSoundAny = 4_096;

function visitAny(any: Any, place: Place | undefined, found: BrokenRule[]): void {
  if (any.typeUrl === '' || soundValues.has(any)) return;
  const { value } = any;
  const isShort = value.length <= longestSoundAny;
  const key = isShort
    ? `${any.typeUrl} ${Buffer.from(value.buffer, value.byteOffset, value.length).toString('latin1')}`
    : undefined;
  if (key !== undefined && soundAnys.has(key)) {
    soundValues.add(any);
    return;
  }
  const before = found.length;
  visit(schemaOf(any.typeUrl), packed(any) ?? decodeAny(any), place, found);
  if (found.length > before) return;
  soundValues.add(any);
  if (key === undefined) return;
  if (soundAnys.size >= mostSoundAnys) soundAnys.clear();
  soundAnys.add(key);
}

function visit(schema: DescMessage, message: Message, place: Place | undefined, found: BrokenRule[]): void {
  if (isMessage(message, AnySchema)) {
    visitAny(message, place, found);
    return;
  }
  const { fields, oneofs } = askedOf(schema);
  for (const name of oneofs) {
    const chosen: { readonly case?: string } | undefined = Reflect.get(message, name);
    if (chosen?.case !== undefined) continue;
    found.push({ path: pathOf(place), message: schema.typeName, rule: `must choose one of ${name}` });
  }
  for (const asked of fields) {
    const value = valueOf(asked, message);
    // Most are not there, and nothing is asked of these.
    if (value === undefined && !asked.isRequired) continue;
    const { fieldKind } = asked.field;
    if (fieldKind === 'list') checkList(schema, asked, Array.isArray(value) ? value : [], place, found);
    else if (fieldKind === 'map') checkMap(schema, asked, Object.entries(value ?? {}), place, found);
    else checkOne(schema, asked, message, value, place, found);
  }
}

function valueOf({ field, oneof }: AskedField, message: Message): unknown {
  if (oneof === undefined) return Reflect.get(message, field.localName);
  const chosen: { readonly case?: string; readonly value?: unknown } = Reflect.get(message, oneof);
  return chosen.case === field.localName ? chosen.value : undefined;
}

/** `rule`: undefined where nothing is broken. */
function report(
  found: BrokenRule[],
  schema: DescMessage,
  rule: string | undefined,
  { field }: AskedField,
  above: Place | undefined,
  key?: string | number,
): void {
  if (rule === undefined) return;
  found.push({ path: pathOf({ above, name: field.jsonName, key }), message: schema.typeName, rule });
}

function checkList(
  schema: DescMessage,
  asked: AskedField,
  items: readonly unknown[],
  above: Place | undefined,
  found: BrokenRule[],
): void {
  const { field, rules, own, inner } = asked;
  if (rules !== undefined) report(found, schema, brokenCount(own, items.length), asked, above);
  items.forEach((item, index) => {
    if (own.items !== undefined) report(found, schema, brokenOne(own.items, item, field), asked, above, index);
    if (inner !== undefined && isMessage(item)) visit(inner, item, { above, name: field.jsonName, key: index }, found);
  });
  checkUnique(schema, asked, items, above, found);
}

function checkMap(
  schema: DescMessage,
  asked: AskedField,
  entries: readonly (readonly [string, unknown])[],
  above: Place | undefined,
  found: BrokenRule[],
): void {
  const { field, rules, own, inner } = asked;
  if (rules !== undefined) report(found, schema, brokenCount(own, entries.length), asked, above);
  for (const [key, item] of entries) {
    report(found, schema, brokenOne(own.keys, key, field), asked, above, key);
    report(found, schema, brokenOne(own.values, item, field), asked, above, key);
    if (inner !== undefined && isMessage(item)) visit(inner, item, { above, name: field.jsonName, key }, found);
  }
  checkUnique(
    schema,
    asked,
    entries.map(([, item]) => item),
    above,
    found,
  );
}

function checkUnique(
  schema: DescMessage,
  asked: AskedField,
  items: readonly unknown[],
  above: Place | undefined,
  found: BrokenRule[],
): void {
  if (asked.own.unique !== true || new Set(items).size === items.length) return;
  report(found, schema, 'must not hold the same twice', asked, above);
}

function checkOne(
  schema: DescMessage,
  asked: AskedField,
  message: Message,
  value: unknown,
  above: Place | undefined,
  found: BrokenRule[],
): void {
  const { field, oneof, rules, inner, isRequired } = asked;
  // Where presence is not told, what is the default is looked at as any other value.
  const isPlain = field.fieldKind !== 'message' && field.presence === IMPLICIT;
  const isTold = oneof !== undefined || field.fieldKind === 'message' || (isPlain && !isRequired);
  const isSet = isTold ? value !== undefined : isFieldSet(message, field);
  if (!isSet && oneof !== undefined) return;
  if (!isSet && isRequired) report(found, schema, 'must be there', asked, above);
  if (!isSet && !isPlain) return;
  if (rules !== undefined) report(found, schema, brokenValue(rules, value, field), asked, above);
  if (inner !== undefined && isMessage(value) && rules?.message?.skip !== true && !isWrapperDesc(inner))
    visit(inner, value, { above, name: field.jsonName, key: undefined }, found);
}

/** FeatureSet.FieldPresence.IMPLICIT of google/protobuf/descriptor.proto: a value that is the default is not told from none. */
const IMPLICIT = 2;

function brokenOne(rules: unknown, value: unknown, field: DescField): string | undefined {
  return isMessage(rules) ? brokenValue(rules as FieldRules, value, field) : undefined;
}

function brokenValue({ type }: FieldRules, value: unknown, field: DescField): string | undefined {
  if (type.case === undefined || type.case === 'any') return undefined;
  const plain =
    isMessage(value) && field.message !== undefined && isWrapperDesc(field.message)
      ? Reflect.get(value, 'value')
      : value;
  return brokenRule(type.case, written(type.value), plain, field.enum);
}

const writtenOf = new WeakMap<object, Readonly<Record<string, unknown>>>();

/** The fields that were set: an absent limit reads as 0 otherwise. */
function written(rules: Message | undefined): Readonly<Record<string, unknown>> {
  if (rules === undefined) return {};
  const known = writtenOf.get(rules);
  if (known !== undefined) return known;
  const fields: Record<string, unknown> = {};
  for (const member of schemaOf(rules.$typeName).members)
    if (member.kind === 'oneof' || isFieldSet(rules, member))
      fields[member.localName] = Reflect.get(rules, member.localName);
  writtenOf.set(rules, fields);
  return fields;
}
