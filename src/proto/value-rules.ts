import type { DescEnum } from '@bufbuild/protobuf';
import { isMessage } from '@bufbuild/protobuf';
import { DurationSchema } from '@bufbuild/protobuf/wkt';
import { type FieldRules, KnownRegex, type StringRules } from './gen/validate/validate_pb.ts';

type Kind = NonNullable<FieldRules['type']['case']>;
/** The rules of one field as they are written: only what was set, under its name. */
type Written = Readonly<Record<string, unknown>>;
type Problem = string | undefined;

const nanosPerSecond = 1_000_000_000n;

/** What a value breaks of the rules of its field, in words (`must be at least 1`); undefined: nothing. Throws for a kind of rule that is not known here. */
export function brokenRule(kind: Kind, rules: Written, value: unknown, described: DescEnum | undefined): Problem {
  if (rules.ignoreEmpty === true && (value === '' || value === 0)) return undefined;
  switch (kind) {
    case 'float':
    case 'double':
    case 'int32':
    case 'int64':
    case 'uint32':
    case 'uint64':
    case 'bool':
      return bounds(rules, value, (limit) => limit) ?? listed(rules, value);
    case 'duration':
      return bounds(rules, nanosOf(value), nanosOf);
    case 'string':
      return typeof value === 'string' ? ofText(rules, value) : undefined;
    case 'bytes':
      return value instanceof Uint8Array ? sizes(rules, value.length, 'bytes') : undefined;
    case 'enum':
      return ofEnum(rules, value, described);
    default:
      throw new Error(`rules for ${kind} are not known`);
  }
}

/** How many items or pairs there may be. */
export function brokenCount({ minItems, maxItems, minPairs, maxPairs }: Written, count: number): Problem {
  return sizes({ minLen: minItems ?? minPairs, maxLen: maxItems ?? maxPairs }, count, 'entries');
}

function bounds(rules: Written, value: unknown, of: (limit: unknown) => unknown): Problem {
  const { const: only, gt, gte, lt, lte } = rules;
  if (only === undefined && gt === undefined && gte === undefined && lt === undefined && lte === undefined)
    return undefined;
  const against = (name: string, holds: (value: number | bigint, limit: number | bigint) => boolean, words: string) => {
    const [one, limit] = [value, rules[name] === undefined ? undefined : of(rules[name])];
    if (!isNumber(one) || !isNumber(limit) || holds(one, limit)) return undefined;
    return `must be ${words} ${shown(rules[name])}`;
  };
  if (rules.const !== undefined && rules.const !== value) return `must be ${shown(rules.const)}`;
  return (
    against('gt', (one, limit) => one > limit, 'more than') ??
    against('gte', (one, limit) => one >= limit, 'at least') ??
    against('lt', (one, limit) => one < limit, 'less than') ??
    against('lte', (one, limit) => one <= limit, 'at most')
  );
}

function isNumber(value: unknown): value is number | bigint {
  return typeof value === 'number' || typeof value === 'bigint';
}

function nanosOf(value: unknown): bigint | undefined {
  return isMessage(value, DurationSchema) ? value.seconds * nanosPerSecond + BigInt(value.nanos) : undefined;
}

function shown(value: unknown): string {
  const nanos = nanosOf(value);
  return nanos === undefined ? String(value) : `${Number(nanos) / 1e9}s`;
}

function listed({ in: allowed, notIn }: Written, value: unknown): Problem {
  if (Array.isArray(allowed) && allowed.length > 0 && !allowed.includes(value))
    return `must be one of ${allowed.join(', ')}`;
  if (Array.isArray(notIn) && notIn.includes(value)) return `must not be ${value}`;
  return undefined;
}

function sizes({ len, minLen, maxLen }: Written, size: number, unit: string): Problem {
  if (len !== undefined && size !== Number(len)) return `must have ${len} ${unit}`;
  if (minLen !== undefined && size < Number(minLen)) return `must have at least ${minLen} ${unit}`;
  if (maxLen !== undefined && size > Number(maxLen)) return `must have at most ${maxLen} ${unit}`;
  return undefined;
}

function ofEnum(rules: Written, value: unknown, described: DescEnum | undefined): Problem {
  const isDefined = typeof value === 'number' && described?.value[value] !== undefined;
  if (rules.definedOnly === true && !isDefined) return `must be a value of ${described?.name}`;
  return bounds(rules, value, (limit) => limit) ?? listed(rules, value);
}

function ofText(rules: Written, value: string): Problem {
  const { len, minLen, maxLen, minBytes, maxBytes, pattern, prefix, suffix } = rules;
  const hasCount = len !== undefined || minLen !== undefined || maxLen !== undefined;
  const hasSize = minBytes !== undefined || maxBytes !== undefined;
  const problem =
    (hasCount ? sizes(rules, charactersOf(value), 'characters') : undefined) ??
    (hasSize ? sizes({ minLen: minBytes, maxLen: maxBytes }, Buffer.byteLength(value), 'bytes') : undefined) ??
    listed(rules, value);
  if (problem !== undefined) return problem;
  if (typeof pattern === 'string' && !expressionOf(pattern).test(value)) return `must match ${pattern}`;
  if (typeof prefix === 'string' && !value.startsWith(prefix)) return `must begin with ${prefix}`;
  if (typeof suffix === 'string' && !value.endsWith(suffix)) return `must end with ${suffix}`;
  return ofKnownText(rules, value);
}

/** Not of UTF-16, whose units are two for some. */
function charactersOf(value: string): number {
  return /[\uD800-\uDFFF]/.test(value) ? [...value].length : value.length;
}

const expressions = new Map<string, RegExp>();

function expressionOf(pattern: string): RegExp {
  const expression = expressions.get(pattern) ?? new RegExp(pattern, 'u');
  expressions.set(pattern, expression);
  return expression;
}

/** Envoy checks its own forms of header names and values, and addresses where it reads them. */
function ofKnownText(rules: Written, value: string): Problem {
  const known = rules.wellKnown as StringRules['wellKnown'] | undefined;
  if (known?.case !== 'wellKnownRegex') return undefined;
  const isName = known.value === KnownRegex.HTTP_HEADER_NAME;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is forbidden.
  if (rules.strict === false) return /[\u0000\r\n]/.test(value) ? 'must not hold NUL, CR or LF' : undefined;
  if (isName) return /^:?[\w!#$%&'*+.^|~`-]+$/.test(value) ? undefined : 'must be the name of a header';
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is forbidden.
  return /[\u0000-\u0008\u000A-\u001F\u007F]/.test(value) ? 'must be the value of a header' : undefined;
}
