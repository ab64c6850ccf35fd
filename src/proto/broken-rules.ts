import type { DescField, DescMessage, Message } from '@bufbuild/protobuf';
import { getOption, hasOption, isFieldSet, isMessage } from '@bufbuild/protobuf';
import { type Any, AnySchema, isWrapperDesc } from '@bufbuild/protobuf/wkt';
import { decodeAny } from './codec.ts';
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
  visit(schema, message, '', found);
  return found;
}

/** A field that has rules, or leads to some. */
interface AskedField {
  readonly field: DescField;
  readonly rules: FieldRules | undefined;
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
        return [{ field, rules, own: rules === undefined ? {} : written(rules.type.value), inner }];
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

function visitAny(any: Any, path: string, found: BrokenRule[]): void {
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
  visit(schemaOf(any.typeUrl), decodeAny(any), path, found);
  if (found.length > before) return;
  soundValues.add(any);
  if (key === undefined) return;
  if (soundAnys.size >= mostSoundAnys) soundAnys.clear();
  soundAnys.add(key);
}

function visit(schema: DescMessage, message: Message, path: string, found: BrokenRule[]): void {
  if (isMessage(message, AnySchema)) {
    visitAny(message, path, found);
    return;
  }
  const { fields, oneofs } = askedOf(schema);
  for (const name of oneofs) {
    const chosen: { readonly case?: string } | undefined = Reflect.get(message, name);
    if (chosen?.case === undefined) found.push({ path, message: schema.typeName, rule: `must choose one of ${name}` });
  }
  for (const asked of fields) checkField(schema, asked, message, path, found);
}

function valueOf(field: DescField, message: Message): unknown {
  if (field.oneof === undefined) return Reflect.get(message, field.localName);
  const chosen: { readonly case?: string; readonly value?: unknown } = Reflect.get(message, field.oneof.localName);
  return chosen.case === field.localName ? chosen.value : undefined;
}

function checkField(
  schema: DescMessage,
  { field, rules, own, inner }: AskedField,
  message: Message,
  above: string,
  found: BrokenRule[],
): void {
  const value = valueOf(field, message);
  // Most are not there, and nothing is asked of these.
  if (value === undefined && own.required !== true && rules?.message?.required !== true) return;
  const path = (): string => (above === '' ? field.jsonName : `${above}.${field.jsonName}`);
  const report = (rule: string | undefined, at?: string): void => {
    if (rule !== undefined) found.push({ path: at ?? path(), message: schema.typeName, rule });
  };
  if (field.fieldKind === 'list' || field.fieldKind === 'map') {
    const entries = Object.entries(typeof value === 'object' && value !== null ? value : {});
    if (rules !== undefined) report(brokenCount(own, entries.length));
    if (entries.length === 0) return;
    const ofItem = field.fieldKind === 'map' ? own.values : own.items;
    for (const [key, item] of entries) {
      const at = `${path()}[${key}]`;
      if (field.fieldKind === 'map') report(brokenOne(own.keys, key, field), at);
      report(brokenOne(ofItem, item, field), at);
      if (inner !== undefined && isMessage(item)) visit(inner, item, at, found);
    }
    if (own.unique !== true) return;
    const distinct = new Set(entries.map(([, item]) => item));
    if (distinct.size < entries.length) report('must not hold the same twice');
    return;
  }
  const isSet = isFieldSet(message, field);
  if (!isSet && field.oneof !== undefined) return;
  if (!isSet && (rules?.message?.required === true || own.required === true)) report('must be there');
  // Where presence is told, what is absent breaks nothing.
  if (!isSet && (field.presence !== IMPLICIT || field.fieldKind === 'message')) return;
  if (rules !== undefined) report(brokenValue(rules, value, field));
  if (inner !== undefined && isMessage(value) && rules?.message?.skip !== true && !isWrapperDesc(inner))
    visit(inner, value, path(), found);
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
