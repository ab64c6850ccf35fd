import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { documentsEach, namespaceName, serviceText } from './policy-tree.ts';

export interface PolicyFolder {
  readonly folder: string;
  readonly files: number;
  readonly documents: number;
  /** What `weft validate` is to find. */
  readonly findings: { readonly errors: number; readonly warnings: number };
  remove(): void;
}

const namespaces = 20;

/** In the file of this index: a misspelt field, a subset that is not there, a word where a number belongs. */
const mistakes: ReadonlyMap<number, readonly [string, string]> = new Map([
  [11, ['timeout: 2000ms', 'tiemout: 2000ms']],
  [303, ['subset: v2 }\n    timeout', 'subset: v3 }\n    timeout']],
  [702, ['weight: 90', 'weight: ninety']],
]);

/** A folder of policies that is no repository: the documents of one service in each file, and the mistakes that people make in a few. */
export function createPolicyFolder(files: number): PolicyFolder {
  const folder = mkdtempSync(join(tmpdir(), 'weft-bench-'));
  let errors = 0;
  for (let index = 0; index < files; index += 1) {
    const namespace = index % namespaces;
    const below = join(folder, 'policies', namespaceName(namespace));
    const text = serviceText(namespace, index, 0);
    const wrong = mistakes.get(index);
    const written = wrong === undefined ? text : text.replace(...wrong);
    if (written !== text) errors += 1;
    mkdirSync(below, { recursive: true });
    writeFileSync(join(below, `service-${index}.yaml`), written);
  }
  return {
    folder,
    files,
    documents: files * documentsEach,
    findings: { errors, warnings: 0 },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
