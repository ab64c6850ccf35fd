import { Failure } from '../model/failure.ts';
import { regexProblem } from './re2.ts';
import { type CharTest, isWord } from './re2-chars.ts';
import { type Re2Place, type Re2Tree, re2Tree } from './re2-tree.ts';

/** One step of a program; where a step does not say what comes next, the following one does. */
type Step =
  | { readonly kind: 'char'; readonly test: CharTest }
  | { readonly kind: 'at'; readonly place: Re2Place }
  | { readonly kind: 'fork'; to: readonly number[] }
  | { readonly kind: 'end' };

type Program = readonly Step[];

/** Steps times bytes: what is tried before a question is refused, about a second. */
const mostTries = 50_000_000;

/**
 * Whether an expression of RE2 matches the whole value, as Envoy's `safe_regex` does (P12). It goes all ways at once, so that the time
 * grows with the length of the value and never explodes; user text never becomes a RegExp (T12). Envoy reads expression and value as
 * bytes, of which each is a character: `.` takes half of an "é". A text that RE2 refuses matches nothing. Throws Failure WEFT0921
 * where expression and value together are beyond what may be tried.
 */
export function re2Matches(regex: string, value: string | Uint8Array): boolean {
  const program = programOf(regex);
  if (program === undefined) return false;
  const bytes = typeof value === 'string' ? Buffer.from(value) : value;
  if (program.length * (bytes.length + 1) > mostTries) {
    throw new Failure(
      'WEFT0921',
      `the expression "${regex.slice(0, 60)}" and a value of ${bytes.length} bytes are more than can be tried here`,
      'ask with a shorter value',
    );
  }
  return run(program, bytes);
}

/** The last programs, since one question tries few expressions on one request. */
const programs = new Map<string, Program | undefined>();
const mostPrograms = 256;

function programOf(regex: string): Program | undefined {
  if (programs.has(regex)) return programs.get(regex);
  if (programs.size >= mostPrograms) programs.clear();
  const program =
    regexProblem(regex) === undefined ? compile(re2Tree(Buffer.from(regex).toString('latin1'))) : undefined;
  programs.set(regex, program);
  return program;
}

function compile(tree: Re2Tree): Program {
  const steps: Step[] = [];
  emit(tree, steps);
  steps.push({ kind: 'end' });
  return steps;
}

function emit(tree: Re2Tree, steps: Step[]): void {
  switch (tree.kind) {
    case 'char':
    case 'at':
      steps.push(tree);
      return;
    case 'all':
      for (const part of tree.parts) emit(part, steps);
      return;
    case 'either':
      emitEither(tree.parts, steps);
      return;
    case 'repeat':
      emitRepeat(tree, steps);
      return;
    default:
      tree satisfies never;
  }
}

function emitEither(parts: readonly Re2Tree[], steps: Step[]): void {
  const choice = fork(steps);
  const starts: number[] = [];
  const ends: ReturnType<typeof fork>[] = [];
  for (const part of parts) {
    starts.push(steps.length);
    emit(part, steps);
    ends.push(fork(steps));
  }
  choice.to = starts;
  for (const end of ends) end.to = [steps.length];
}

function emitRepeat({ part, least, most }: Extract<Re2Tree, { kind: 'repeat' }>, steps: Step[]): void {
  for (let count = 0; count < least; count++) emit(part, steps);
  if (most === undefined) {
    const again = steps.length;
    const choice = fork(steps);
    emit(part, steps);
    fork(steps).to = [again];
    choice.to = [again + 1, steps.length];
    return;
  }
  const choices: (readonly [choice: ReturnType<typeof fork>, next: number])[] = [];
  for (let count = least; count < most; count++) {
    choices.push([fork(steps), steps.length]);
    emit(part, steps);
  }
  for (const [choice, next] of choices) choice.to = [next, steps.length];
}

function fork(steps: Step[]): Extract<Step, { kind: 'fork' }> {
  const step = { kind: 'fork', to: [] as readonly number[] } satisfies Step;
  steps.push(step);
  return step;
}

/** All ways through the program at once: at each place the steps that are reached, each looked at once. */
function run(program: Program, bytes: Uint8Array): boolean {
  const seenAt = new Int32Array(program.length).fill(-1);
  let reached = [0];
  for (let place = 0; place <= bytes.length; place++) {
    const next: number[] = [];
    const byte = bytes[place];
    for (let step = reached.pop(); step !== undefined; step = reached.pop()) {
      if (seenAt[step] === place) continue;
      seenAt[step] = place;
      const what = program[step];
      if (what === undefined) continue;
      switch (what.kind) {
        case 'end':
          if (byte === undefined) return true;
          break;
        case 'fork':
          reached.push(...what.to);
          break;
        case 'at':
          if (holds(what.place, bytes, place)) reached.push(step + 1);
          break;
        case 'char':
          if (byte !== undefined && what.test(byte)) next.push(step + 1);
          break;
        default:
          what satisfies never;
      }
    }
    if (next.length === 0) return false;
    reached = next;
  }
  return false;
}

function holds(condition: Re2Place, bytes: Uint8Array, place: number): boolean {
  const before = bytes[place - 1];
  const after = bytes[place];
  switch (condition) {
    case 'begin':
      return place === 0;
    case 'end':
      return place === bytes.length;
    case 'line-begin':
      return before === undefined || before === 0x0a;
    case 'line-end':
      return after === undefined || after === 0x0a;
    case 'word-edge':
      return isWordByte(before) !== isWordByte(after);
    case 'no-word-edge':
      return isWordByte(before) === isWordByte(after);
    default:
      return condition satisfies never;
  }
}

function isWordByte(byte: number | undefined): boolean {
  return byte !== undefined && isWord(byte);
}
