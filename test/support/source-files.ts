import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const sourceFolder = join(import.meta.dirname, '../../src');

/** Every hand-written TypeScript file of src: its path below src → its text. */
export function sourceFiles(): ReadonlyMap<string, string> {
  const names = readdirSync(sourceFolder, { recursive: true, encoding: 'utf8' });
  const ours = names.filter((name) => name.endsWith('.ts') && !name.startsWith('proto/gen/')).sort();
  return new Map(ours.map((name) => [name, readFileSync(join(sourceFolder, name), 'utf8')]));
}
