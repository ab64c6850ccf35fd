import { execFile } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';

/**
 * Compiles one TypeScript file of the repository and all it imports into `directory`, so that a plain `node` can run it as a
 * process of its own. Returns the path of the compiled file.
 */
export async function buildForChildren(file: string, directory: string): Promise<string> {
  const repository = resolve(import.meta.dirname, '../..');
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, 'package.json'), '{"type":"module"}');
  symlinkSync(join(repository, 'node_modules'), join(directory, 'node_modules'));
  const config = join(directory, 'tsconfig.json');
  const compilerOptions = {
    rootDir: repository,
    outDir: join(directory, 'out'),
    noEmit: false,
    typeRoots: [join(repository, 'node_modules/@types')],
  };
  const content = {
    extends: join(repository, 'tsconfig.json'),
    compilerOptions,
    include: [],
    files: [join(repository, file)],
  };
  writeFileSync(config, JSON.stringify(content));
  await promisify(execFile)(process.execPath, [join(repository, 'node_modules/typescript/bin/tsc'), '-p', config]);
  return join(directory, 'out', file.replace(/\.ts$/, '.js'));
}
