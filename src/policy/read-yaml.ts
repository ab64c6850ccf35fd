import type { Composer, Node, YAMLError } from 'yaml';
import type { SourceRange } from '../model/provenance.ts';
import type { Steps } from '../model/steps.ts';
import { readPlainYaml } from './read-plain-yaml.ts';
import type { Report } from './report.ts';
import { type LineIndex, type MapEntry, rangeAt, type SourceDocument, type SourceNode } from './source-node.ts';
import { yamlLibrary } from './yaml-library.ts';

/** Limits of section 3 of reliability.md. */
export const limits = { bytes: 1024 * 1024, nodes: 10_000, depth: 32, aliases: 10 } as const;

/** YAML's own limit, of keys that stand in one line before their ":". */
const longestKey = 1024;

/** How much of the limits of one file is used up. */
export interface Spent {
  nodes: number;
  aliases: number;
  lexemes: number;
  /** A limit is passed: the whole file is refused. */
  over: boolean;
}

/** Nothing yet. */
export function unspent(): Spent {
  return { nodes: 0, aliases: 0, lexemes: 0, over: false };
}

class LimitExceeded extends Error {
  readonly what: string;
  readonly limit: number;
  constructor(what: string, limit: number) {
    super(what);
    this.what = what;
    this.limit = limit;
  }
}

/**
 * The documents of a text of YAML or JSON (core schema, no merge keys, no tags of one's own), empty ones left out. A syntax error
 * refuses the whole file (WEFT0001), as do a key that appears twice (WEFT0006) and a limit that is passed (WEFT0007, T12): then the
 * result is undefined. Limits are watched while the text is read, so a bomb costs no more than a file of the greatest size. They hold for
 * all texts of a file, which share `spent`.
 */
export function* readYaml(
  lines: LineIndex,
  report: Report,
  spent: Spent = unspent(),
): Steps<readonly SourceDocument[] | undefined> {
  const plain = readPlainYaml(lines.text, { nodes: limits.nodes - spent.nodes, depth: limits.depth });
  if (plain === undefined) return yield* readFullYaml(lines, report, spent);
  spent.nodes += plain.nodes;
  return [plain.document];
}

/** readYaml, whatever the text has of YAML. */
export function* readFullYaml(
  lines: LineIndex,
  report: Report,
  spent: Spent,
): Steps<readonly SourceDocument[] | undefined> {
  try {
    if (Buffer.byteLength(lines.text) > limits.bytes) throw new LimitExceeded('its size in bytes', limits.bytes);
    return yield* compose(lines, report, spent);
  } catch (error) {
    const depth = error instanceof RangeError ? new LimitExceeded('its nesting', limits.depth) : error;
    if (!(depth instanceof LimitExceeded)) throw error;
    const hint = depth.what === 'its nesting' ? 'nest less deeply' : 'split the file';
    const message = `${lines.file} was refused: ${depth.what} is over ${depth.limit}`;
    report('WEFT0007', firstLineOf(lines.file), message, hint);
    spent.over = true;
    return undefined;
  }
}

/** Where a finding about a file as a whole is shown. */
export function firstLineOf(file: string): SourceRange {
  return { file, line: 1, column: 1, endLine: 1, endColumn: 2 };
}

/** So many lexemes are read in one step: about a millisecond. */
const lexemesAStep = 1_000;

function* compose(lines: LineIndex, report: Report, spent: Spent): Steps<readonly SourceDocument[] | undefined> {
  const { Composer, Lexer, Parser } = yamlLibrary();
  const documents: SourceDocument[] = [];
  const reader = new NodeReader(lines, report, spent);
  const composer = new Composer({ schema: 'core', merge: false, uniqueKeys: false, strict: true, stringKeys: false });
  let ok = true;
  let start = 0;
  const take = (composed: ReturnType<Composer['next']>): void => {
    for (const document of composed) {
      const problems = [...document.errors, ...document.warnings];
      for (const problem of problems) syntaxError(lines, problem, report);
      if (problems.length > 0) ok = false;
      else if (document.contents) {
        const root = reader.read(document.contents, 0);
        if (root && !(root.is === 'scalar' && root.value === null)) {
          documents.push({ root, start, end: document.range[2] });
        }
      }
      start = document.range[2];
    }
  };
  const parser = new Parser();
  // Each collection that is open stands on the parser's stack, so both limits are known before a tree is built.
  for (const lexeme of new Lexer().lex(lines.text)) {
    spent.lexemes += 1;
    if (spent.lexemes > limits.nodes * 12) throw new LimitExceeded('its number of nodes', limits.nodes);
    if (spent.lexemes % lexemesAStep === 0) yield;
    if (parser.stack.length > limits.depth + 8) throw new LimitExceeded('its nesting', limits.depth);
    for (const token of parser.next(lexeme)) take(composer.next(token));
  }
  for (const token of parser.end()) take(composer.next(token));
  take(composer.end(false, lines.text.length));
  return ok && reader.ok ? documents : undefined;
}

function syntaxError(lines: LineIndex, problem: YAMLError, report: Report): void {
  const reason = problem.message.split('\n')[0]?.replace(/ at line \d+, column \d+:?$/, '') ?? problem.code;
  const offset = Math.min(problem.pos[0], Math.max(0, lines.text.length - 1));
  report('WEFT0001', rangeAt(lines, offset, problem.pos[1]), `YAML syntax: ${reason}`, syntaxHint(problem.code));
}

function syntaxHint(code: string): string {
  if (code === 'TAB_AS_INDENT') return 'indent with spaces';
  if (code === 'TAG_RESOLVE_FAILED') return 'remove the tag';
  return 'the whole file is refused until it can be read';
}

/** Turns the nodes of one text into SourceNodes, counting them over the whole file. */
class NodeReader {
  ok = true;
  readonly #is = yamlLibrary();
  readonly #lines: LineIndex;
  readonly #report: Report;
  readonly #anchors = new Map<string, Node>();
  readonly #spent: Spent;

  constructor(lines: LineIndex, report: Report, spent: Spent) {
    this.#lines = lines;
    this.#report = report;
    this.#spent = spent;
  }

  read(node: Node, depth: number): SourceNode | undefined {
    this.#spent.nodes += 1;
    if (this.#spent.nodes > limits.nodes) throw new LimitExceeded('its number of nodes', limits.nodes);
    if (depth > limits.depth) throw new LimitExceeded('its nesting', limits.depth);
    const [start, end] = node.range ?? [0, 0];
    if (this.#is.isAlias(node)) {
      this.#spent.aliases += 1;
      if (this.#spent.aliases > limits.aliases) throw new LimitExceeded('its number of aliases', limits.aliases);
      const target = this.#anchors.get(node.source);
      if (target) return this.read(target, depth);
      return this.#fail(start, end, `alias "${node.source}" has no anchor before it`);
    }
    if ('anchor' in node && typeof node.anchor === 'string') this.#anchors.set(node.anchor, node);
    if (this.#is.isScalar(node)) {
      const source = node.source ?? this.#lines.text.slice(start, end);
      const { value } = node;
      const known = typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
      return { is: 'scalar', value: known ? value : null, source, start, end };
    }
    if (this.#is.isSeq(node)) {
      const items = node.items.map((item) => this.read(item as Node, depth + 1)).filter((item) => item !== undefined);
      return { is: 'list', items, start, end };
    }
    if (this.#is.isMap(node)) return { is: 'map', entries: this.#entries(node.items, depth), start, end };
    return this.#fail(start, end, 'this is neither a value, a list nor a map');
  }

  #entries(items: readonly { key: unknown; value: unknown }[], depth: number): readonly MapEntry[] {
    const entries = new Map<string, MapEntry>();
    for (const pair of items) {
      const keyNode = pair.key as Node;
      const [start, end] = keyNode.range ?? [0, 0];
      if (!this.#is.isScalar(keyNode) || keyNode.value === null) {
        this.#fail(start, end, 'a key must be a text');
        continue;
      }
      const key = typeof keyNode.value === 'string' ? keyNode.value : (keyNode.source ?? String(keyNode.value));
      // What is longer would be told whole, as a field of that name.
      if (key.length > longestKey) {
        this.#fail(start, start + 1, `a key of ${key.length} characters, at most ${longestKey} are read`);
        continue;
      }
      const first = entries.get(key);
      const at = rangeAt(this.#lines, start, end);
      if (first) {
        this.ok = false;
        const { line } = rangeAt(this.#lines, first.start, first.end);
        const related = [{ file: this.#lines.file, line, message: 'first here' }];
        this.#report(
          'WEFT0006',
          at,
          `key ${JSON.stringify(key)} appears twice`,
          `first at line ${line}; keep one, the rest of the document is checked then`,
          {
            related,
          },
        );
        continue;
      }
      const written = pair.value as Node | null;
      const value: SourceNode | undefined = written
        ? this.read(written, depth + 1)
        : { is: 'scalar', value: null, source: '', start, end };
      if (value) entries.set(key, { key, start, end, value });
    }
    return [...entries.values()];
  }

  #fail(start: number, end: number, reason: string): undefined {
    this.ok = false;
    this.#report(
      'WEFT0001',
      rangeAt(this.#lines, start, end),
      `YAML syntax: ${reason}`,
      'the whole file is refused until it can be read',
    );
    return undefined;
  }
}
