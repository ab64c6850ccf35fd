import type { FieldRange, SourceRange } from '../model/provenance.ts';
import { checkEntries, checkFields } from './check-between.ts';
import { readScalar } from './check-scalar.ts';
import { fieldPath } from './field-path.ts';
import { successor } from './map-hint.ts';
import type { Report } from './report.ts';
import type { Infer, ListShape, MapShape, ObjectShape, Shape, TextRule } from './shape.ts';
import { ShapeFindings } from './shape-findings.ts';
import type { LineIndex, SourceNode } from './source-node.ts';
import { textRules } from './text-rules.ts';

/** What one object's check needs to know and what it leaves behind. */
export interface CheckContext {
  readonly lines: LineIndex;
  readonly report: Report;
  /** The kind's own shape of `spec`: where a name that is wrong here may be right. */
  readonly whole: Shape;
  /** Field paths of `weft.dev/allow-unsupported`; those met are removed. Absent: the kind does not allow it. */
  readonly allowed?: Set<string>;
  /** Filled with the place of every field that was written. */
  readonly positions: Map<string, FieldRange>;
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
  return read(shape, node, path, new ShapeFindings(context));
}

function read(shape: Shape, node: SourceNode, path: string, findings: ShapeFindings): unknown {
  switch (shape.is) {
    case 'any':
      return undefined;
    case 'refused':
      read(shape.inside, node, path, findings.insideRefused());
      return undefined;
    case 'deprecated':
      return read(shape.shape, node, path, findings);
    case 'object':
      return readObject(shape, node, path, findings);
    case 'map':
      return readMap(shape, node, path, findings);
    case 'list':
      return readList(shape, node, path, findings);
    default:
      return readScalar(shape, node, path, findings);
  }
}

function readObject(shape: ObjectShape, node: SourceNode, path: string, findings: ShapeFindings): unknown {
  if (node.is !== 'map') return findings.wrong(node, path, 'a map', shape);
  const value: Record<string, unknown> = {};
  const written = new Map<string, SourceRange>();
  for (const entry of node.entries) {
    const at = findings.at(entry.start, entry.end);
    const field = fieldPath(path, entry.key);
    const inner = Object.hasOwn(shape.fields, entry.key) ? shape.fields[entry.key] : undefined;
    if (!inner) {
      findings.unknown(shape, entry, path, node);
      continue;
    }
    written.set(entry.key, at);
    findings.place(field, entry.value, at);
    if (inner.is === 'refused') {
      findings.refuse(field, at, inner);
      read(inner, entry.value, field, findings);
      continue;
    }
    if (inner.is === 'deprecated') findings.deprecate(field, at, '', successor(inner, entry.value));
    // A field of a shape: no name here means anything to JavaScript.
    value[entry.key] = read(inner, entry.value, field, findings);
  }
  checkFields(shape, node, path, written, findings);
  return value;
}

function readMap(shape: MapShape, node: SourceNode, path: string, findings: ShapeFindings): unknown {
  if (node.is !== 'map') return findings.wrong(node, path, 'a map', shape);
  const value: [string, unknown][] = [];
  for (const entry of node.entries) {
    const field = fieldPath(path, entry.key);
    const at = findings.at(entry.start, entry.end);
    findings.place(field, entry.value, at);
    const rule: TextRule = shape.keys === 'port' ? 'port-text' : shape.keys === 'any' ? 'free' : shape.keys;
    const expected = textRules[rule](entry.key);
    if (expected) {
      const message = `expected ${expected}, got ${JSON.stringify(entry.key)}`;
      findings.report('WEFT0002', at, message, `write ${expected}`, { field });
    }
    value.push([entry.key, read(shape.values, entry.value, field, findings)]);
  }
  const { length } = node.entries;
  if (length < shape.min) findings.wrong(node, path, entriesText('least', shape.min), shape, String(length));
  if (length > shape.max) findings.wrong(node, path, entriesText('most', shape.max), shape, String(length));
  return Object.fromEntries(value);
}

function entriesText(bound: 'least' | 'most', limit: number): string {
  return limit === 1 ? `at ${bound} one entry` : `at ${bound} ${limit} entries`;
}

function readList(shape: ListShape, node: SourceNode, path: string, findings: ShapeFindings): unknown {
  if (node.is !== 'list') return findings.wrong(node, path, 'a list', shape);
  const values = node.items.map((item, index) => {
    const field = fieldPath(path, index);
    findings.place(field, item);
    return read(shape.items, item, field, findings);
  });
  checkEntries(shape, node, path, values, findings);
  return values;
}
