import type { Diagnostic } from '../model/diagnostic.ts';
import type { ExportDefaults } from '../model/mesh-config.ts';
import type { Policy } from '../model/policy.ts';
import type { Steps } from '../model/steps.ts';
import { type ParsedDocument, parseDocument, rememberedDocument, restamp } from './parse-document.ts';
import type { MeshConfigOptions } from './read-mesh-config.ts';
import { limits, unspent } from './read-yaml.ts';
import type { Silencer } from './silencers.ts';
import { splitDocuments } from './split-documents.ts';
import { templateFinding } from './template-text.ts';
import { refuseFile } from './tree-rules.ts';

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
  /** By their text. */
  readonly documents: ReadonlyMap<string, ParsedDocument>;
}

/** The path of a file from the root of the tree. */
export function pathInTree(path: string, root: string): string {
  return path.startsWith(`${root}/`) ? path.slice(root.length + 1) : path;
}

/**
 * Parses one file: its documents, objects and findings. Documents that stand in `previous`, what the same path said before under the same
 * options, are not read again.
 */
export function* parseFile(file: PolicyFile, options: FileOptions, previous?: ParsedFile): Steps<ParsedFile> {
  const { path, text } = file;
  if (previous?.text === text) return restamp(previous, options.commit);
  if (Buffer.byteLength(text) > limits.bytes) return refusedFile(file);
  const inside = pathInTree(path, options.root);
  const folder = options.folders === 'namespace' ? folderOf(inside) : undefined;
  const spent = unspent();
  const documents: ParsedDocument[] = [];
  for (const part of splitDocuments(text)) {
    const known = rememberedDocument(previous?.documents.get(part.text), part.firstLine, options.commit, spent, limits);
    documents.push(known ?? (yield* parseDocument(path, part, { ...options, folder, inside }, spent)));
    if (spent.over) break;
    yield;
  }
  // What cannot be read leaves nothing of its file. Where it is a key that stands twice, the other documents are what they seem, and are told of.
  const unreadable = documents.filter(({ isReadable }) => !isReadable);
  const isTwice = unreadable.every(({ diagnostics }) => diagnostics.every(({ code }) => code === 'WEFT0006'));
  const telling = isTwice ? documents : unreadable;
  const told = telling.flatMap(({ diagnostics }) => diagnostics);
  const template = isTwice || spent.over ? undefined : templateFinding(path, text, told);
  return {
    text,
    objects: unreadable.length > 0 ? [] : documents.flatMap(({ objects }) => objects),
    diagnostics: template ? [template] : told,
    silencers: documents.flatMap(({ silencers }) => silencers),
    documents: new Map(documents.map((document) => [document.text, document])),
  };
}

function refusedFile({ path, text }: PolicyFile): ParsedFile {
  const found: Diagnostic[] = [];
  refuseFile(found, path, 'its size in bytes', limits.bytes);
  return { text, objects: [], diagnostics: found, silencers: [], documents: new Map() };
}

/** Rules 2 and 3 of section 1.4: the first-level folder is the namespace, `tests/` and the root of the tree excepted. */
export function folderOf(inside: string): string | undefined {
  const [first, ...rest] = inside.split('/');
  return rest.length > 0 && first !== 'tests' ? first : undefined;
}
