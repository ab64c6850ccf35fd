import { nearestName } from '../model/nearest-name.ts';
import { durationText, parseDuration } from './duration.ts';
import type {
  BytesShape,
  ChoiceShape,
  DurationShape,
  IntegerShape,
  ListShape,
  MapShape,
  NumberShape,
  ObjectShape,
  Shape,
  TextShape,
} from './shape.ts';
import type { ShapeFindings } from './shape-findings.ts';
import { describeNode, type SourceNode } from './source-node.ts';
import { hasControlCharacters, textRules } from './text-rules.ts';

/** Shapes of one word. */
export type ScalarShape = Exclude<
  Shape,
  ObjectShape | MapShape | ListShape | { is: 'refused' } | { is: 'deprecated' } | { is: 'any' }
>;

/** The value of one word, or undefined with a finding. */
export function readScalar(shape: ScalarShape, node: SourceNode, path: string, findings: ShapeFindings): unknown {
  const value = node.is === 'scalar' ? node.value : undefined;
  const wrong = (expected: string) => findings.wrong(node, path, expected, shape);
  switch (shape.is) {
    case 'text':
      return readText(shape, node, path, findings);
    case 'choice':
      return readChoice(shape, node, path, findings);
    case 'boolean':
      return typeof value === 'boolean' ? value : wrong('true or false');
    case 'duration':
      return readDuration(shape, value, wrong);
    case 'percent':
      // Envoy counts in millionths; what is finer is cut off, as Istio does.
      return typeof value === 'number' && value >= 0 && value <= 100
        ? Math.trunc(Math.round(value * 1e8) / 1e4) / 1e4
        : wrong('a percentage from 0 to 100');
    case 'integer':
      return typeof value === 'number' && Number.isInteger(value) && value >= shape.min && value <= shape.max
        ? value
        : wrong(`a whole number ${rangeText(shape)}`);
    case 'number':
      return typeof value === 'number' && fits(shape, value) ? value : wrong(`a number ${rangeText(shape)}`);
    case 'bytes':
      return readBytes(shape, value, wrong);
    case 'port-or-name':
      if (typeof value === 'number')
        return Number.isInteger(value) && value >= 0 && value <= 65535
          ? value
          : wrong('a whole number from 1 to 65535');
      return typeof value === 'string' && (value === '' || isPortName(value))
        ? value
        : wrong('a port number or the name of a port: at most 15 lower-case letters, digits and "-"');
    default:
      return shape satisfies never;
  }
}

type Wrong = (expected: string) => undefined;

/** As Kubernetes has them: a letter is in it, and no "-" at an end or beside another. */
function isPortName(value: string): boolean {
  return value.length <= 15 && /[a-z]/.test(value) && /^[a-z0-9]+(?:-[a-z0-9]+)*$/.test(value);
}

function readText(shape: TextShape, node: SourceNode, path: string, findings: ShapeFindings): string | undefined {
  const wrong = (expected: string, got?: string) => findings.wrong(node, path, expected, shape, got);
  if (node.is !== 'scalar' || typeof node.value !== 'string') return wrong('a text');
  const { value } = node;
  if (shape.rule !== 'free' && hasControlCharacters(value)) return wrong('a text without control characters');
  const expected = shape.rule && value !== '' ? textRules[shape.rule](value) : undefined;
  if (expected) return wrong(expected);
  // A label may be empty; any other text with a rule or without may not, unless the shape says so.
  if (value === '' && shape.nonEmpty && shape.rule !== 'label-value') return wrong('a text that is not empty');
  const { maxLength } = shape;
  // Cheap first: a text has at least as many UTF-16 units as characters.
  if (maxLength === undefined || value.length <= maxLength || [...value].length <= maxLength) return value;
  return wrong(`at most ${maxLength} characters`, String([...value].length));
}

function readChoice(shape: ChoiceShape, node: SourceNode, path: string, findings: ShapeFindings): string | undefined {
  const at = findings.at(node.start, node.end);
  const word = node.is === 'scalar' && typeof node.value === 'string' ? node.value : undefined;
  if (word !== undefined && shape.values.includes(word)) return word;
  if (word !== undefined && Object.hasOwn(shape.refused, word)) {
    const hint = shape.hints[word];
    findings.refuse(path, at, {
      tier: shape.refused[word] ?? 'never',
      word,
      isCondition: shape.conditions.includes(word),
      ...(hint !== undefined && { hint }),
    });
    return undefined;
  }
  if (word !== undefined && Object.hasOwn(shape.deprecated, word)) {
    const successor = shape.deprecated[word];
    findings.deprecate(path, at, `${word} `, successor ?? '');
    return successor;
  }
  const known = [...shape.values, ...Object.keys(shape.deprecated)];
  const nearest = word === undefined ? undefined : nearestName(word, known);
  // What is nearest may be the old word of one: then that is what is meant.
  const near = nearest === undefined || !Object.hasOwn(shape.deprecated, nearest) ? nearest : shape.deprecated[nearest];
  // An empty word is taken where Istio takes it, and nothing to advise.
  const words = shape.values.filter((value) => value !== '').join(', ');
  const hint = near ? `did you mean ${JSON.stringify(near)}?` : `one of ${words}`;
  const message = `expected one of ${words}, got ${describeNode(node)}`;
  findings.report('WEFT0002', at, message, hint, { field: path });
  return undefined;
}

function readDuration(shape: DurationShape, value: unknown, wrong: Wrong): number | undefined {
  const millis = typeof value === 'string' ? parseDuration(value) : undefined;
  if (millis === undefined) return wrong('a duration such as 1.5s or 100ms, in whole milliseconds');
  if (millis < shape.min) return wrong(`at least ${durationText(shape.min)}`);
  if (millis > shape.max) return wrong(`at most ${durationText(shape.max)}`);
  if (millis % shape.step === 0) return millis;
  return wrong(shape.step === 1000 ? 'whole seconds' : `a multiple of ${durationText(shape.step)}`);
}

function readBytes(shape: BytesShape, value: unknown, wrong: Wrong): Uint8Array | undefined {
  const inBase64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{4})$/;
  if (typeof value !== 'string' || !inBase64.test(value)) return wrong('bytes in base64, padded with "="');
  const read = Uint8Array.from(Buffer.from(value, 'base64'));
  return read.length <= shape.maxLength ? read : wrong(`at most ${shape.maxLength} bytes`);
}

function fits(shape: NumberShape, value: number): boolean {
  return Number.isFinite(value) && (shape.above ? value > shape.min : value >= shape.min) && value <= shape.max;
}

/** `from 1 to 10`, `above 0`, `above 0, at most 10`. */
function rangeText(shape: IntegerShape | NumberShape): string {
  const { min, max } = shape;
  const least = shape.is === 'number' && shape.above ? `above ${min}` : `of at least ${min}`;
  if (max === Number.POSITIVE_INFINITY) return least;
  return shape.is === 'number' && shape.above ? `${least}, at most ${max}` : `from ${min} to ${max}`;
}
