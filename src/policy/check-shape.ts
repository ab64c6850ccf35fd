import { nearestName } from '../model/nearest-name.ts';
import type { SourceRange } from '../model/provenance.ts';
import { durationText, parseDuration } from './duration.ts';
import { fieldPath } from './field-path.ts';
import type { Report } from './report.ts';
import type {
  ChoiceShape,
  Infer,
  ListShape,
  MapShape,
  ObjectShape,
  Shape,
  TextRule,
  TextShape,
  Tier,
} from './shape.ts';
import { describeNode, type LineIndex, rangeAt, type SourceNode } from './source-node.ts';
import { hasControlCharacters, textRules } from './text-rules.ts';
import { placesOf } from './valid-places.ts';

/** What one object's check needs to know and what it leaves behind. */
export interface CheckContext {
  readonly lines: LineIndex;
  readonly report: Report;
  /** The kind's own shape of `spec`: where a name that is wrong here may be right. */
  readonly whole: Shape;
  /** Field paths of `weft.dev/allow-unsupported`; those met are removed. Absent: the kind does not allow it. */
  readonly allowed?: Set<string>;
  /** Filled with the place of every field that was written. */
  readonly positions: Map<string, SourceRange>;
}

/**
 * Checks a node against a shape and reads its value: durations as milliseconds, deprecated words as their successors. All findings are
 * reported; the value is whole only if none of them is an error.
 */
export function checkShape<S extends Shape>(shape: S, node: SourceNode, path: string, context: CheckContext): Infer<S> {
  return readShape(shape, node, path, context) as Infer<S>;
}

/** checkShape for a shape that is not known here. */
export function readShape(shape: Shape, node: SourceNode, path: string, context: CheckContext): unknown {
  return new ShapeCheck(context).read(shape, node, path);
}

class ShapeCheck {
  readonly #context: CheckContext;
  /** Set inside refused fields: there only unknown names are told. */
  #namesOnly = false;

  constructor(context: CheckContext) {
    this.#context = context;
  }

  read(shape: Shape, node: SourceNode, path: string): unknown {
    if (shape.is === 'refused') return this.#inside(shape.inside, node, path);
    if (shape.is === 'deprecated') return this.read(shape.shape, node, path);
    if (shape.is === 'any') return undefined;
    if (shape.is === 'object') return this.#object(shape, node, path);
    if (shape.is === 'map') return this.#map(shape, node, path);
    if (shape.is === 'list') return this.#list(shape, node, path);
    if (this.#namesOnly) return undefined;
    if (shape.is === 'text') return this.#text(shape, node, path);
    if (shape.is === 'choice') return this.#choice(shape, node, path);
    return this.#scalar(shape, node, path);
  }

  #inside(shape: Shape, node: SourceNode, path: string): undefined {
    const before = this.#namesOnly;
    this.#namesOnly = true;
    this.read(shape, node, path);
    this.#namesOnly = before;
  }

  #object(shape: ObjectShape, node: SourceNode, path: string): unknown {
    if (node.is !== 'map') return this.#wrong(node, path, 'a map', shape);
    const value: [string, unknown][] = [];
    const written = new Map<string, SourceRange>();
    for (const entry of node.entries) {
      const at = this.#at(entry.start, entry.end);
      const field = fieldPath(path, entry.key);
      const inner = Object.hasOwn(shape.fields, entry.key) ? shape.fields[entry.key] : undefined;
      if (!inner) {
        this.#unknown(shape, entry.key, at, path);
        continue;
      }
      written.set(entry.key, at);
      this.#place(field, entry.value, at);
      if (inner.is === 'refused') {
        if (!this.#namesOnly) this.#refuse(field, at, inner.tier);
        this.read(inner, entry.value, field);
        continue;
      }
      if (inner.is === 'deprecated' && !this.#namesOnly) {
        this.#context.report('WEFT0005', at, 'is deprecated', `write ${inner.write}`, { field });
      }
      value.push([entry.key, this.read(inner, entry.value, field)]);
    }
    if (!this.#namesOnly) this.#together(shape, node, path, written);
    return Object.fromEntries(value);
  }

  /** Rules between the fields of one object. */
  #together(shape: ObjectShape, node: SourceNode, path: string, written: ReadonlyMap<string, SourceRange>): void {
    const { report } = this.#context;
    const own = this.#context.positions.get(path) ?? this.#at(node.start, node.end);
    for (const name of shape.required) {
      if (!written.has(name))
        report('WEFT0002', own, `expected ${JSON.stringify(name)}, which is required`, `add ${name}`, { field: path });
    }
    for (const group of shape.exclusive) {
      const [first, second] = group.filter((name) => written.has(name));
      const at = second && written.get(second);
      if (at)
        report('WEFT0137', at, `${first} and ${second} exclude each other`, 'keep one', {
          field: fieldPath(path, second),
        });
    }
    if (shape.nonEmpty && node.is === 'map' && node.entries.length === 0) {
      const hint = `write one of ${supportedNames(shape).join(', ')}, or remove it`;
      report('WEFT0002', own, 'expected at least one field, got an empty map', hint, { field: path });
    }
  }

  #map(shape: MapShape, node: SourceNode, path: string): unknown {
    if (node.is !== 'map') return this.#wrong(node, path, 'a map', shape);
    const value: [string, unknown][] = [];
    for (const entry of node.entries) {
      const field = fieldPath(path, entry.key);
      const at = this.#at(entry.start, entry.end);
      this.#place(field, entry.value, at);
      if (shape.keys !== 'any' && !this.#namesOnly) {
        const rule: TextRule = shape.keys === 'port' ? 'port-text' : shape.keys;
        const expected = textRules[rule](entry.key);
        if (expected) {
          this.#context.report(
            'WEFT0002',
            at,
            `expected ${expected}, got ${JSON.stringify(entry.key)}`,
            'correct the key',
            { field },
          );
        }
      }
      value.push([entry.key, this.read(shape.values, entry.value, field)]);
    }
    return Object.fromEntries(value);
  }

  #list(shape: ListShape, node: SourceNode, path: string): unknown {
    if (node.is !== 'list') return this.#wrong(node, path, 'a list', shape);
    if (shape.nonEmpty && node.items.length === 0 && !this.#namesOnly)
      this.#wrong(node, path, 'at least one entry', shape, 'an empty list');
    return node.items.map((item, index) => {
      const field = fieldPath(path, index);
      this.#place(field, item, this.#at(item.start, item.end));
      return this.read(shape.items, item, field);
    });
  }

  #text(shape: TextShape, node: SourceNode, path: string): unknown {
    if (node.is !== 'scalar' || typeof node.value !== 'string') return this.#wrong(node, path, 'a text', shape);
    if (shape.rule !== 'free' && hasControlCharacters(node.value)) {
      return this.#wrong(node, path, 'a text without control characters', shape);
    }
    const expected = shape.rule && node.value !== '' ? textRules[shape.rule](node.value) : undefined;
    if (expected) return this.#wrong(node, path, expected, shape);
    // A label may be empty; any other text with a rule or without may not, unless the shape says so.
    if (node.value === '' && shape.nonEmpty && shape.rule !== 'label-value')
      return this.#wrong(node, path, 'a text that is not empty', shape);
    return node.value;
  }

  #choice(shape: ChoiceShape, node: SourceNode, path: string): unknown {
    const at = this.#at(node.start, node.end);
    const word = node.is === 'scalar' && typeof node.value === 'string' ? node.value : undefined;
    if (word !== undefined && shape.values.includes(word)) return word;
    if (word !== undefined && Object.hasOwn(shape.refused, word)) {
      const tier = shape.refused[word] ?? 'never';
      return this.#refuse(path, at, tier, word);
    }
    if (word !== undefined && Object.hasOwn(shape.deprecated, word)) {
      const successor = shape.deprecated[word];
      this.#context.report('WEFT0005', at, `${word} is deprecated`, `write ${successor}`, { field: path });
      return successor;
    }
    const near = word === undefined ? undefined : nearestName(word, shape.values);
    const hint = near ? `did you mean ${JSON.stringify(near)}?` : `one of ${shape.values.join(', ')}`;
    this.#context.report(
      'WEFT0002',
      at,
      `expected one of ${shape.values.join(', ')}, got ${describeNode(node)}`,
      hint,
      { field: path },
    );
    return undefined;
  }

  #scalar(shape: Exclude<Shape, ObjectShape>, node: SourceNode, path: string): unknown {
    const value = node.is === 'scalar' ? node.value : undefined;
    if (shape.is === 'boolean')
      return typeof value === 'boolean' ? value : this.#wrong(node, path, 'true or false', shape);
    if (shape.is === 'duration') {
      const millis = typeof value === 'string' ? parseDuration(value) : undefined;
      if (millis === undefined)
        return this.#wrong(node, path, 'a duration such as 1.5s or 100ms, in whole milliseconds', shape);
      if (millis < shape.min) return this.#wrong(node, path, `at least ${durationText(shape.min)}`, shape);
      return millis <= shape.max ? millis : this.#wrong(node, path, `at most ${durationText(shape.max)}`, shape);
    }
    if (shape.is === 'percent') {
      const fits =
        typeof value === 'number' && value >= 0 && value <= 100 && Number.isInteger(Math.round(value * 1e8) / 1e4);
      return fits ? value : this.#wrong(node, path, 'a percentage from 0 to 100 with at most four decimals', shape);
    }
    if (shape.is === 'integer') {
      const fits = typeof value === 'number' && Number.isInteger(value) && value >= shape.min && value <= shape.max;
      return fits ? value : this.#wrong(node, path, `a whole number from ${shape.min} to ${shape.max}`, shape);
    }
    if (typeof value === 'number') {
      const fits = Number.isInteger(value) && value >= 1 && value <= 65535;
      return fits ? value : this.#wrong(node, path, 'a whole number from 1 to 65535', shape);
    }
    return typeof value === 'string' && value !== ''
      ? value
      : this.#wrong(node, path, 'a port number or the name of a port', shape);
  }

  #wrong(node: SourceNode, field: string, expected: string, shape: Shape, got = describeNode(node)): undefined {
    if (this.#namesOnly && shape.is !== 'object') return;
    const quotable =
      node.is === 'scalar' &&
      shape.is === 'text' &&
      (typeof node.value === 'number' || typeof node.value === 'boolean');
    const unset = node.is === 'scalar' && node.value === null;
    const hint = quotable ? `write "${node.source}"` : unset ? 'write a value, or remove the key' : `write ${expected}`;
    const at = unset
      ? (this.#context.positions.get(field) ?? this.#at(node.start, node.end))
      : this.#at(node.start, node.end);
    this.#context.report('WEFT0002', at, `expected ${expected}, got ${got}`, hint, { field });
  }

  /** WEFT0004 for a field or, with `word`, for its value. */
  #refuse(field: string, at: SourceRange, tier: Tier, word?: string): undefined {
    reportRefused(this.#context, field, at, tier, word);
  }

  #unknown(shape: ObjectShape, name: string, at: SourceRange, path: string): void {
    const near = nearestName(name, Object.keys(shape.fields));
    const elsewhere = near ? undefined : placesOf(this.#context.whole, name, path);
    const hint = near
      ? `did you mean ${JSON.stringify(near)}?`
      : elsewhere
        ? `${JSON.stringify(name)} belongs under ${elsewhere}`
        : `known here: ${supportedNames(shape).join(', ') || 'nothing'}`;
    this.#context.report('WEFT0002', at, `unknown field ${JSON.stringify(name)}`, hint, { field: path });
  }

  #place(field: string, value: SourceNode, key: SourceRange): void {
    const scalar = value.is === 'scalar' && value.end > value.start;
    this.#context.positions.set(field, scalar ? this.#at(value.start, value.end) : key);
  }

  #at(start: number, end: number): SourceRange {
    return rangeAt(this.#context.lines, start, end);
  }
}

/** WEFT0004 at a field, or with `word` for its value: an error, or a lasting warning where the object's annotation names the path. */
export function reportRefused(
  context: Pick<CheckContext, 'allowed' | 'report'>,
  field: string,
  at: SourceRange,
  tier: Tier,
  word?: string,
): void {
  const { allowed, report } = context;
  const planned = tier === 'never' ? '' : ` (${tier})`;
  const what = `${word === undefined ? '' : `${JSON.stringify(word)} `}is valid in Istio but not supported by Weft${planned}`;
  if (allowed?.delete(field)) {
    const hint = 'allowed by the annotation weft.dev/allow-unsupported';
    report('WEFT0004', at, `${what}; served without it`, hint, { field, severity: 'warning' });
  } else
    report('WEFT0004', at, what, allowed ? 'remove it, or name it in weft.dev/allow-unsupported' : 'remove it', {
      field,
    });
}

function supportedNames(shape: ObjectShape): readonly string[] {
  return Object.entries(shape.fields)
    .filter(([, inner]) => inner.is !== 'refused' && inner.is !== 'deprecated')
    .map(([name]) => name);
}
