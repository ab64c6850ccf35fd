import type { Diagnostic } from '../model/diagnostic.ts';
import type { ExportDefaults } from '../model/mesh-config.ts';
import type { Policy } from '../model/policy.ts';
import type { SourceRange } from '../model/provenance.ts';
import type { Steps } from '../model/steps.ts';
import { readShape } from './check-shape.ts';
import { isMeshConfigFile, type MeshConfigOptions, readMeshConfig } from './read-mesh-config.ts';
import { readObject } from './read-object.ts';
import { readYaml, type Spent } from './read-yaml.ts';
import { reportInto } from './report.ts';
import { anything, list, object } from './shape-builders.ts';
import { findSilencers, type Silencer } from './silencers.ts';
import { entryOf, indexLines, type LineIndex, type SourceNode, textOf } from './source-node.ts';
import type { DocumentText } from './split-documents.ts';

export interface DocumentOptions extends MeshConfigOptions {
  /** The first-level folder, where it is the namespace. */
  readonly folder: string | undefined;
  /** The path from the root of the policy tree. */
  readonly inside: string;
  /** What MeshConfig says of objects without exportTo (D19). */
  readonly exportTo?: ExportDefaults;
}

/** All that one document says, whatever stands in the others. */
export interface ParsedDocument {
  readonly text: string;
  /** How many lines of the file stand before it. */
  readonly firstLine: number;
  /** False: its text cannot be read, so that nothing of the file is; the findings tell why. */
  readonly isReadable: boolean;
  readonly objects: readonly Policy[];
  /** Not yet silenced. */
  readonly diagnostics: readonly Diagnostic[];
  readonly silencers: readonly Silencer[];
  /** What it took of the limits of its file. */
  readonly spent: Readonly<Spent>;
}

/** Reads one document: its objects and its findings. `spent` is what the documents before it in its file took of the limits. */
export function* parseDocument(
  file: string,
  { text, firstLine }: DocumentText,
  options: DocumentOptions,
  spent: Spent,
): Steps<ParsedDocument> {
  const lines = indexLines(file, text, firstLine);
  const found: Diagnostic[] = [];
  const before = { ...spent };
  const documents = yield* readYaml(lines, reportInto(found), spent);
  const objects = (documents ?? []).flatMap(({ root }) =>
    isMeshConfigFile(options.inside)
      ? (readMeshConfig(root, lines, options, found) ?? [])
      : expand(root, lines, found).flatMap((node) => readObject(node, lines, options, found) ?? []),
  );
  const spans = (documents ?? []).map(({ root, start, end }) => ({ start, content: root.start, end }));
  return {
    text,
    firstLine,
    isReadable: documents !== undefined,
    objects,
    diagnostics: found,
    silencers: findSilencers(lines, spans),
    spent: {
      nodes: spent.nodes - before.nodes,
      aliases: spent.aliases - before.aliases,
      lexemes: spent.lexemes - before.lexemes,
      over: spent.over,
    },
  };
}

/**
 * A document that was read before, at the line where it stands now, as of `commit`. Undefined where it must be read again: it stands
 * elsewhere and lines are named in its findings, or it would pass a limit of its file.
 */
export function rememberedDocument(
  known: ParsedDocument | undefined,
  firstLine: number,
  commit: string,
  spent: Spent,
  limits: { readonly nodes: number; readonly aliases: number },
): ParsedDocument | undefined {
  if (known === undefined || known.spent.over) return undefined;
  const nodes = spent.nodes + known.spent.nodes;
  const aliases = spent.aliases + known.spent.aliases;
  const lexemes = spent.lexemes + known.spent.lexemes;
  if (nodes > limits.nodes || aliases > limits.aliases || lexemes > limits.nodes * 12) return undefined;
  const by = firstLine - known.firstLine;
  if (by !== 0 && (known.diagnostics.length > 0 || known.silencers.length > 0)) return undefined;
  Object.assign(spent, { nodes, aliases, lexemes });
  return restamp(by === 0 ? known : moved(known, firstLine, by), commit);
}

/** Text that was read with uncommitted edits around it gets the new commit; committed text keeps the one it came with. */
export function restamp<T extends Pick<ParsedDocument, 'objects'>>(parsed: T, commit: string): T {
  if (parsed.objects.every((one) => one.commit === commit || !one.commit.endsWith('+edits'))) return parsed;
  return { ...parsed, objects: parsed.objects.map((one) => ({ ...one, commit })) };
}

function moved(document: ParsedDocument, firstLine: number, by: number): ParsedDocument {
  const shifted = (at: SourceRange): SourceRange => ({ ...at, line: at.line + by, endLine: at.endLine + by });
  const objects = document.objects.map((one) => ({
    ...one,
    at: shifted(one.at),
    positions: new Map([...one.positions].map(([field, at]) => [field, shifted(at)])),
  }));
  return { ...document, firstLine, objects };
}

/** The items of a `v1/List`, or the node itself. */
function expand(root: SourceNode, lines: LineIndex, found: Diagnostic[]): readonly SourceNode[] {
  if (textOf(root, 'kind') !== 'List' || textOf(root, 'apiVersion') !== 'v1') return [root];
  const shape = object(
    { apiVersion: anything, kind: anything, metadata: anything, items: list(anything) },
    { required: ['items'] },
  );
  readShape(shape, root, '', { lines, report: reportInto(found), whole: anything, positions: new Map() });
  const items = entryOf(root, 'items')?.value;
  return items?.is === 'list' ? items.items.flatMap((item) => expand(item, lines, found)) : [];
}
