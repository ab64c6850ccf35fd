import { nearestName } from '../model/nearest-name.ts';
import type { SourceRange } from '../model/provenance.ts';
import { readScalar } from './check-scalar.ts';
import type { CheckContext } from './check-shape.ts';
import type { DiagnosticCode } from './diagnostic-codes.ts';
import { parseDuration } from './duration.ts';
import { listed, successor, unquoted, wrapped } from './map-hint.ts';
import type { ReportDetails } from './report.ts';
import type { ObjectShape, RefusedShape, Shape } from './shape.ts';
import {
  describeNode,
  indexLines,
  type MapEntry,
  type MapNode,
  rangeAt,
  type ScalarNode,
  type SourceNode,
} from './source-node.ts';
import { placesOf } from './valid-places.ts';

/** Says what is wrong with the nodes of one object. Inside a refused field that is all: what is refused or deprecated in there is not told again. */
export class ShapeFindings {
  readonly #context: CheckContext;
  readonly #insideRefused: boolean;

  constructor(context: CheckContext, insideRefused = false) {
    this.#context = context;
    this.#insideRefused = insideRefused;
  }

  /** The findings of what stands inside a refused field. */
  insideRefused(): ShapeFindings {
    return this.#insideRefused ? this : new ShapeFindings(this.#context, true);
  }

  report(code: DiagnosticCode, at: SourceRange, message: string, hint: string, details?: ReportDetails): void {
    this.#context.report(code, at, message, hint, details);
  }

  /** WEFT0002 for a value. `got` says what stands there, if the node itself does not. */
  wrong(node: SourceNode, field: string, expected: string, shape: Shape, got?: string): undefined {
    const unset = node.is === 'scalar' && node.value === null;
    const absent = narrows(field)
      ? 'write a value; without the key the rule would be about more'
      : 'write a value, or remove the key';
    const hint = unset ? absent : `write ${(got === undefined && meantBy(shape, node)) || expected}`;
    const at = unset ? this.placeOf(field, node) : this.at(node.start, node.end);
    this.report('WEFT0002', at, `expected ${expected}, got ${got ?? describeNode(node)}`, hint, { field });
  }

  /** WEFT0004 for a field or, with `word`, for its value. */
  refuse(field: string, at: SourceRange, refusal: Refusal): void {
    if (!this.#insideRefused) reportRefused(this.#context, field, at, refusal);
  }

  /** WEFT0005; `write` says what replaces it. */
  deprecate(field: string, at: SourceRange, what: string, write: string): void {
    if (!this.#insideRefused) this.report('WEFT0005', at, `${what}is deprecated`, `write ${write}`, { field });
  }

  /** An unknown field with its value; `node` is what holds it. */
  unknown(shape: ObjectShape, entry: MapEntry, path: string, node: MapNode): void {
    const name = entry.key;
    const at = this.at(entry.start, entry.end);
    const near = nearestName(name, Object.keys(shape.fields)) ?? begunBy(shape, name);
    const older = near === undefined ? undefined : shape.fields[near];
    const [only, another] = supportedNames(shape);
    // Where one field is wanted and absent, that is the one that was meant.
    const meant = another === undefined && shape.required.some((one) => one === only) ? only : undefined;
    const wanted = meant !== undefined && !node.entries.some(({ key }) => key === meant) ? meant : undefined;
    const inQuotes = near === undefined ? unquoted(shape, node, entry, this.#context.lines.text) : undefined;
    const elsewhere = near || wanted !== undefined ? undefined : placesOf(this.#context.whole, name, path);
    const hint = near
      ? older?.is === 'deprecated'
        ? `did you mean ${JSON.stringify(near)}, which is deprecated? write ${successor(older, entry.value)}`
        : `did you mean ${JSON.stringify(near)}?`
      : inQuotes !== undefined
        ? `a comma ends a value inside { }: write ${inQuotes}`
        : wanted !== undefined
          ? `write ${wanted}`
          : elsewhere
            ? `${JSON.stringify(name)} belongs under ${elsewhere}`
            : `known here: ${supportedNames(shape).join(', ') || 'nothing'}`;
    this.report('WEFT0002', at, `unknown field ${JSON.stringify(name)}`, hint, { field: path });
  }

  /** Remembers where a field was written: its value, if that is one word, else its key. */
  place(field: string, value: SourceNode, key?: SourceRange): void {
    const scalar = value.is === 'scalar' && value.end > value.start;
    this.#context.positions.set(field, scalar || !key ? this.at(value.start, value.end) : key);
  }

  /** The place of a field, or of the node that is its value. */
  placeOf(field: string, node: SourceNode): SourceRange {
    return this.#context.positions.get(field) ?? this.at(node.start, node.end);
  }

  at(start: number, end: number): SourceRange {
    return rangeAt(this.#context.lines, start, end);
  }
}

/** The one supported field that goes on where a name ends: `percentage` for `percent`. */
function begunBy(shape: ObjectShape, name: string): string | undefined {
  const [only, another] = supportedNames(shape).filter((field) => name.length > 3 && field.startsWith(name));
  return another === undefined ? only : undefined;
}

/** Whether a field is one of the conditions of a rule: without it the rule would act on more. */
export function narrows(field: string): boolean {
  return /^spec\.rules\[|\.match\[/.test(field);
}

/** A wrong value as it was probably meant: in another form, or where it belongs. */
function meantBy(shape: Shape, node: SourceNode): string | undefined {
  if (shape.is === 'list') return listed(shape, node, fits);
  if (node.is !== 'scalar') return undefined;
  const { value, source } = node;
  switch (shape.is) {
    case 'object':
      return wrapped(shape, node, fits);
    case 'text':
      return typeof value === 'number' || typeof value === 'boolean' ? `"${source}"` : undefined;
    case 'duration': {
      // The unit that nearly everybody means, where it is a good one there.
      const isGood = typeof value === 'number' && value > 0 && parseDuration(`${value}s`) !== undefined;
      return isGood ? `${value}s for seconds, ${value}ms for milliseconds` : undefined;
    }
    case 'integer':
    case 'number':
    case 'percent':
    case 'boolean': {
      const plain = typeof value === 'string' && /^(?:\d{1,15}(?:\.\d{1,6})?|true|false)$/.test(value);
      return plain && fits(shape, { ...node, value: JSON.parse(value) }) ? `${value} without quotes` : undefined;
    }
    default:
      return undefined;
  }
}

/** Whether a field takes the value, as the check of its shape says. */
function fits(shape: Shape, node: ScalarNode): boolean {
  switch (shape.is) {
    case 'object':
    case 'map':
    case 'list':
    case 'refused':
    case 'deprecated':
    case 'any':
      return false;
    default: {
      let isWrong = false;
      const report = () => {
        isWrong = true;
      };
      const lines = indexLines('', '');
      readScalar(shape, node, '', new ShapeFindings({ lines, report, whole: shape, positions: new Map() }));
      return !isWrong;
    }
  }
}

/** What is refused: the value `word` of a field, or the field itself. */
export interface Refusal extends Pick<RefusedShape, 'tier' | 'hint'>, Partial<Pick<RefusedShape, 'isCondition'>> {
  readonly word?: string;
  readonly reason?: string | undefined;
}

/** WEFT0004 at a field: an error, or a lasting warning where the object's annotation names the path. */
export function reportRefused(
  context: Pick<CheckContext, 'allowed' | 'report'>,
  field: string,
  at: SourceRange,
  { tier, word, reason, hint: instead = 'remove it', isCondition = false }: Refusal,
): void {
  const { report } = context;
  const allowed = isCondition ? undefined : context.allowed;
  const planned = tier === 'never' ? '' : ` (${tier})`;
  const what = `${word === undefined ? '' : `${JSON.stringify(word)} `}is valid in Istio but not supported by Weft${planned}${reason === undefined ? '' : `: ${reason}`}`;
  if (allowed?.delete(field)) {
    const hint = 'allowed by the annotation weft.dev/allow-unsupported';
    report('WEFT0004', at, `${what}; served without it`, hint, { field, severity: 'warning' });
  } else
    report('WEFT0004', at, what, allowed ? `${instead}, or name it in weft.dev/allow-unsupported` : instead, {
      field,
    });
}

export function supportedNames(shape: ObjectShape): readonly string[] {
  return Object.entries(shape.fields)
    .filter(([, inner]) => inner.is !== 'refused' && inner.is !== 'deprecated')
    .map(([name]) => name);
}
