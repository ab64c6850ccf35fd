import type { DescField, DescMessage, Message } from '@bufbuild/protobuf';
import { getOption, hasOption, isFieldSet, isMessage } from '@bufbuild/protobuf';
import { AnySchema, isWrapperDesc } from '@bufbuild/protobuf/wkt';
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

/** What one message type asks of its own fields, read from its options once. */
interface Asked {
  readonly fields: readonly { readonly field: DescField; readonly rules: FieldRules | undefined }[];
  /** Of these one must be chosen. */
  readonly oneofs: readonly string[];
}

const known = new Map<string, Asked>();

function askedOf(schema: DescMessage): Asked {
  let asked = known.get(schema.typeName);
  if (asked === undefined) {
    const isOff = hasOption(schema, disabled) && getOption(schema, disabled);
    const rulesOf = (field: DescField) =>
      !isOff && hasOption(field, rulesOption) ? getOption(field, rulesOption) : undefined;
    const isRequired = (oneof: DescMessage['oneofs'][number]) =>
      !isOff && hasOption(oneof, required) && getOption(oneof, required);
    asked = {
      fields: schema.fields
        .map((field) => ({ field, rules: rulesOf(field) }))
        .filter(({ field, rules }) => rules !== undefined || field.message !== undefined),
      oneofs: schema.oneofs.filter(isRequired).map(({ localName }) => localName),
    };
    known.set(schema.typeName, asked);
  }
  return asked;
}

function visit(schema: DescMessage, message: Message, path: string, found: BrokenRule[]): void {
  if (isMessage(message, AnySchema)) {
    if (message.typeUrl !== '') visit(schemaOf(message.typeUrl), decodeAny(message), path, found);
    return;
  }
  const { fields, oneofs } = askedOf(schema);
  for (const name of oneofs) {
    const chosen: { readonly case?: string } | undefined = Reflect.get(message, name);
    if (chosen?.case === undefined) found.push({ path, message: schema.typeName, rule: `must choose one of ${name}` });
  }
  for (const { field, rules } of fields) {
    const here = path === '' ? field.jsonName : `${path}.${field.jsonName}`;
    const report = (rule: string | undefined, at = here): void => {
      if (rule !== undefined) found.push({ path: at, message: schema.typeName, rule });
    };
    checkField(field, rules, valueOf(field, message), isFieldSet(message, field), here, report, found);
  }
}

function valueOf(field: DescField, message: Message): unknown {
  if (field.oneof === undefined) return Reflect.get(message, field.localName);
  const chosen: { readonly case?: string; readonly value?: unknown } = Reflect.get(message, field.oneof.localName);
  return chosen.case === field.localName ? chosen.value : undefined;
}

function checkField(
  field: DescField,
  rules: FieldRules | undefined,
  value: unknown,
  isSet: boolean,
  path: string,
  report: (rule: string | undefined, at?: string) => void,
  found: BrokenRule[],
): void {
  const own = rules === undefined ? {} : written(rules.type.value);
  if (field.fieldKind === 'list' || field.fieldKind === 'map') {
    const entries = Object.entries(typeof value === 'object' && value !== null ? value : {});
    report(brokenCount(own, entries.length));
    for (const [key, item] of entries) {
      const at = `${path}[${key}]`;
      if (field.fieldKind === 'map') report(brokenOne(own.keys, key, field), at);
      report(brokenOne(field.fieldKind === 'map' ? own.values : own.items, item, field), at);
      if (field.message !== undefined && isMessage(item)) visit(field.message, item, at, found);
    }
    const distinct = new Set(entries.map(([, item]) => item));
    if (own.unique === true && distinct.size < entries.length) report('must not hold the same twice');
    return;
  }
  if (!isSet && field.oneof !== undefined) return;
  if (!isSet && (rules?.message?.required === true || own.required === true)) report('must be there');
  // Where presence is told, what is absent breaks nothing.
  if (!isSet && (field.presence !== IMPLICIT || field.fieldKind === 'message')) return;
  if (rules !== undefined) report(brokenValue(rules, value, field));
  if (
    field.fieldKind === 'message' &&
    isMessage(value) &&
    rules?.message?.skip !== true &&
    !isWrapperDesc(field.message)
  )
    visit(field.message, value, path, found);
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
