import type { Diagnostic } from '../model/diagnostic.ts';
import { type CheckContext, readShape } from './check-shape.ts';
import { repairValue, withMeantNames } from './repair.ts';
import type { Shape } from './shape.ts';
import type { SourceNode } from './source-node.ts';

/**
 * The errors and warnings of meaning of a text whose shape is wrong, too, as far as they do not follow from that: what is found whatever stands in the
 * place of what is wrong or missing. So all mistakes of one object are told at once. `judge` finds what is wrong with a whole value.
 */
export function independentFindings(of: {
  readonly shape: Shape;
  readonly node: SourceNode;
  /** What was read of the node. */
  readonly value: unknown;
  readonly path: string;
  readonly context: CheckContext;
  /** What is wrong with its shape. */
  readonly wrong: readonly Diagnostic[];
  readonly judge: (value: unknown) => readonly Diagnostic[];
}): readonly Diagnostic[] {
  const { shape, node, value, path, context, wrong, judge } = of;
  const silent: CheckContext = { lines: context.lines, report: () => undefined, whole: shape, positions: new Map() };
  const lost = new Set<string>();
  const meant = readShape(shape, withMeantNames(shape, node, path, lost), path, silent);
  const one = repairValue(shape, value, path, { which: 0 });
  const words = one.touched.size === 0 && lost.size === 0 ? [] : [...ownWords, ...wordsIn(meant)].slice(0, mostWords);
  const others = [
    repairValue(shape, meant, path, { which: 1 }),
    ...words.map((like) => repairValue(shape, meant, path, { which: 1, like })),
  ];
  const touched = [...new Set([one, ...others].flatMap((each) => [...each.touched]))];
  const errors = wrong.filter(({ severity }) => severity === 'error');
  const told = new Set(errors.map(({ field }) => field));
  const found = judge(one.value);
  if (found.length === 0) return [];
  const again = others.map((other) => new Set(judge(other.value).map(keyOf)));
  return found.filter((finding) => {
    const { severity, field = '' } = finding;
    if (severity === 'info' || told.has(field) || !again.every((keys) => keys.has(keyOf(finding)))) return false;
    // What is in a rule that has lost a field, what stands beside it and beside what it is in, may be about that field.
    if ([...lost].some((each) => isWithin(field, ruleOf(each)) || isWithin(each, parentOf(field)))) return false;
    return !touched.some((each) => isWithin(field, each));
  });
}

/** Words that mean something to a kind where any text may stand: a Service with `clusterIP: None` needs no ports. */
const ownWords = ['None'];

/** Of more words not each is tried. */
const mostWords = 64;

/** The words and numbers of a value, which its other fields may name. */
function wordsIn(value: unknown, found: Set<string | number> = new Set()): ReadonlySet<string | number> {
  if (typeof value === 'string' || typeof value === 'number') found.add(value);
  else if (typeof value === 'object' && value !== null && !(value instanceof Uint8Array)) {
    for (const [key, inner] of Object.entries(value)) {
      if (!Array.isArray(value)) found.add(key);
      wordsIn(inner, found);
    }
  }
  return found;
}

function keyOf({ code, field = '', message }: Diagnostic): string {
  return `${code} ${field} ${message}`;
}

function isWithin(field: string, outer: string): boolean {
  return outer === '' || field === outer || field.startsWith(`${outer}.`) || field.startsWith(`${outer}[`);
}

/** `spec.http[0]` of what is in there. */
function ruleOf(field: string): string {
  return /^[\w-]+(?:\.[\w-]+)*\[\d+\]/.exec(field)?.[0] ?? field;
}

function parentOf(field: string): string {
  return field.slice(0, Math.max(0, field.lastIndexOf('.'), field.lastIndexOf('[')));
}
