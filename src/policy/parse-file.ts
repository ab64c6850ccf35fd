import type { Diagnostic } from '../model/diagnostic.ts';
import type { ExportDefaults } from '../model/mesh-config.ts';
import type { Policy } from '../model/policy.ts';
import { readShape } from './check-shape.ts';
import { isMeshConfigFile, type MeshConfigOptions, readMeshConfig } from './read-mesh-config.ts';
import { readObject } from './read-object.ts';
import { readYaml } from './read-yaml.ts';
import { reportInto } from './report.ts';
import { anything, list, object } from './shape-builders.ts';
import { findSilencers, type Silencer } from './silencers.ts';
import { entryOf, indexLines, type LineIndex, type SourceNode, textOf } from './source-node.ts';

/** A file of the policy tree; `path` as users see it: `policies/shop/reviews.yaml`. */
export interface PolicyFile {
  readonly path: string;
  readonly text: string;
}

export interface FileOptions extends MeshConfigOptions {
  /** The folder of the policy tree, `policies`; `path` begins with it. */
  readonly root: string;
  readonly folders: 'namespace' | 'free';
  /** What MeshConfig says of objects without exportTo (D19). */
  readonly exportTo?: ExportDefaults;
}

/** All that the text of one file says, whatever stands in the others. */
export interface ParsedFile {
  readonly text: string;
  readonly objects: readonly Policy[];
  /** Not yet silenced. */
  readonly diagnostics: readonly Diagnostic[];
  readonly silencers: readonly Silencer[];
}

/** The path of a file from the root of the tree. */
export function pathInTree(path: string, root: string): string {
  return path.startsWith(`${root}/`) ? path.slice(root.length + 1) : path;
}

/** Parses one file: its documents, objects and findings. */
export function parseFile(file: PolicyFile, options: FileOptions): ParsedFile {
  const lines = indexLines(file.path, file.text);
  const found: Diagnostic[] = [];
  const documents = readYaml(lines, reportInto(found)) ?? [];
  const inside = pathInTree(file.path, options.root);
  const folder = options.folders === 'namespace' ? folderOf(inside) : undefined;
  const objects = documents.flatMap(({ root }) =>
    isMeshConfigFile(inside)
      ? (readMeshConfig(root, lines, options, found) ?? [])
      : expand(root, lines, found).flatMap((node) => readObject(node, lines, { ...options, folder }, found) ?? []),
  );
  const spans = documents.map(({ root, start, end }) => ({ start, content: root.start, end }));
  return { text: file.text, objects, diagnostics: found, silencers: findSilencers(lines, spans) };
}

/** Rules 2 and 3 of section 1.4: the first-level folder is the namespace, `tests/` and the root of the tree excepted. */
function folderOf(inside: string): string | undefined {
  const [first, ...rest] = inside.split('/');
  return rest.length > 0 && first !== 'tests' ? first : undefined;
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
