import type { Diagnostic } from '../model/diagnostic.ts';
import type { SourceRange } from '../model/provenance.ts';
import { kindTable } from './kinds/kind-table.ts';
import type { PolicyFile } from './parse-file.ts';
import { isMeshConfigFile } from './read-mesh-config.ts';
import { reportInto } from './report.ts';

/** More files beside the policies are not looked at. */
export const mostBeside = 64;

/** The folders above the tree, the repository's own (empty) first: there people put files that they mean to be in it. */
export function foldersAbove(root: string): readonly string[] {
  const parts = root.split('/').filter((part) => part !== '.' && part !== '');
  return parts.map((_, index) => parts.slice(0, index).join('/'));
}

/** Whether a file in one of these folders, by its name, may be meant as a policy. */
export function mayBeMeant(name: string): boolean {
  return !name.startsWith('.') && name !== 'weft.yaml' && (/\.ya?ml$/.test(name) || isMeshConfigFile(name));
}

/** WEFT0013: what says of itself that it is a policy or the MeshConfig, and stands outside of the tree. */
export function strayFindings(files: readonly PolicyFile[], root: string): readonly Diagnostic[] {
  const found: Diagnostic[] = [];
  for (const { path, text } of files) {
    const name = path.slice(path.lastIndexOf('/') + 1);
    const isConfig = isMeshConfigFile(name);
    if ((!isConfig && !isOurs(text)) || /#\s*weft-ignore WEFT0013: *\S/.test(text)) continue;
    const message = `not read: ${path} is outside of ${root}/`;
    const hint = isConfig ? `move it to ${root}/${name}` : `move it into ${root}/, to the folder of its namespace`;
    reportInto(found)('WEFT0013', isConfig ? lineAt(path, 1) : kindLine(path, text), message, hint);
  }
  return found;
}

const ours: ReadonlySet<string> = new Set(
  kindTable.flatMap(({ kind, apiVersions }) => apiVersions.map((version) => `${version}/${kind}`)),
);

/** Whether every document is of a kind of ours: a manifest for Kubernetes holds others, too. No YAML is read for that. */
function isOurs(text: string): boolean {
  const documents = text.split(/^---.*$/m).filter((part) => /^[^#\s]/m.test(part));
  return (
    documents.length > 0 && documents.every((part) => ours.has(`${word(part, 'apiVersion')}/${word(part, 'kind')}`))
  );
}

function word(text: string, key: string): string | undefined {
  return new RegExp(`^${key}:[ \\t]*["']?([\\w./]+)`, 'm').exec(text)?.[1];
}

function kindLine(path: string, text: string): SourceRange {
  return lineAt(path, text.split('\n').findIndex((line) => line.startsWith('kind:')) + 1);
}

function lineAt(file: string, line: number): SourceRange {
  return { file, line, column: 1, endLine: line, endColumn: 1 };
}
