import { Composer, isAlias, isMap, isScalar, isSeq, Lexer, type Node, Parser, type YAMLError } from 'yaml';
import type { Report } from './report.ts';
import { type LineIndex, type MapEntry, rangeAt, type SourceNode } from './source-node.ts';

/** Limits of section 3 of reliability.md. */
export const limits = { bytes: 1024 * 1024, nodes: 10_000, depth: 32, aliases: 10 } as const;

/** One YAML document of a file and the offsets it spans, comments included. */
export interface SourceDocument {
  readonly root: SourceNode;
  readonly start: number;
  readonly end: number;
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
 * The documents of a YAML or JSON file (core schema, no merge keys, no tags of one's own), empty ones left out. A syntax error
 * refuses the whole file (WEFT0001), as do a key that appears twice (WEFT0006) and a limit that is passed (WEFT0007, T12): then the
 * result is undefined. Limits are watched while the text is read, so a bomb costs no more than a file of the greatest size.
 */
export function readYaml(lines: LineIndex, report: Report): readonly SourceDocument[] | undefined {
  try {
    if (Buffer.byteLength(lines.text) > limits.bytes) throw new LimitExceeded('its size in bytes', limits.bytes);
    return compose(lines, report);
  } catch (error) {
    const at = rangeAt(lines, 0, 1);
    if (error instanceof LimitExceeded) {
      const message = `${lines.file} was refused: ${error.what} is over ${error.limit}`;
      report('WEFT0007', at, message, 'split the file');
      return undefined;
    }
    if (error instanceof RangeError) {
      report('WEFT0007', at, `${lines.file} was refused: its nesting is over ${limits.depth}`, 'nest less deeply');
      return undefined;
    }
    throw error;
  }
}

function compose(lines: LineIndex, report: Report): readonly SourceDocument[] | undefined {
  const documents: SourceDocument[] = [];
  const reader = new NodeReader(lines, report);
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
  let lexemes = 0;
  // Each collection that is open stands on the parser's stack, so both limits are known before a tree is built.
  for (const lexeme of new Lexer().lex(lines.text)) {
    lexemes += 1;
    if (lexemes > limits.nodes * 12) throw new LimitExceeded('its number of nodes', limits.nodes);
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

/** Turns the nodes of one file into SourceNodes, counting them over the whole file. */
class NodeReader {
  ok = true;
  readonly #lines: LineIndex;
  readonly #report: Report;
  readonly #anchors = new Map<string, Node>();
  #nodes = 0;
  #aliases = 0;

  constructor(lines: LineIndex, report: Report) {
    this.#lines = lines;
    this.#report = report;
  }

  read(node: Node, depth: number): SourceNode | undefined {
    this.#nodes += 1;
    if (this.#nodes > limits.nodes) throw new LimitExceeded('its number of nodes', limits.nodes);
    if (depth > limits.depth) throw new LimitExceeded('its nesting', limits.depth);
    const [start, end] = node.range ?? [0, 0];
    if (isAlias(node)) {
      this.#aliases += 1;
      if (this.#aliases > limits.aliases) throw new LimitExceeded('its number of aliases', limits.aliases);
      const target = this.#anchors.get(node.source);
      if (target) return this.read(target, depth);
      return this.#fail(start, end, `alias "${node.source}" has no anchor before it`);
    }
    if ('anchor' in node && typeof node.anchor === 'string') this.#anchors.set(node.anchor, node);
    if (isScalar(node)) {
      const source = node.source ?? this.#lines.text.slice(start, end);
      const { value } = node;
      const known = typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
      return { is: 'scalar', value: known ? value : null, source, start, end };
    }
    if (isSeq(node)) {
      const items = node.items.map((item) => this.read(item as Node, depth + 1)).filter((item) => item !== undefined);
      return { is: 'list', items, start, end };
    }
    if (isMap(node)) return { is: 'map', entries: this.#entries(node.items, depth), start, end };
    return this.#fail(start, end, 'this is neither a value, a list nor a map');
  }

  #entries(items: readonly { key: unknown; value: unknown }[], depth: number): readonly MapEntry[] {
    const entries = new Map<string, MapEntry>();
    for (const pair of items) {
      const keyNode = pair.key as Node;
      const [start, end] = keyNode.range ?? [0, 0];
      if (!isScalar(keyNode) || keyNode.value === null) {
        this.#fail(start, end, 'a key must be a text');
        continue;
      }
      const key = typeof keyNode.value === 'string' ? keyNode.value : (keyNode.source ?? String(keyNode.value));
      const first = entries.get(key);
      const at = rangeAt(this.#lines, start, end);
      if (first) {
        this.ok = false;
        const { line } = rangeAt(this.#lines, first.start, first.end);
        const related = [{ file: this.#lines.file, line, message: 'first here' }];
        this.#report('WEFT0006', at, `key ${JSON.stringify(key)} appears twice`, `first at line ${line}; keep one`, {
          related,
        });
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
