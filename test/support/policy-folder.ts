import { execFile } from 'node:child_process';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

/** Files below `policies/`; undefined deletes. */
export type PolicyFiles = Readonly<Record<string, string | undefined>>;

/** A git repository with a `policies/` folder. */
export interface PolicyFolder {
  /** Writes the files and commits; returns the commit as the control plane shortens it. */
  commit(files: PolicyFiles): Promise<string>;
  git(...args: string[]): Promise<string>;
}

const run = promisify(execFile);
const environment = {
  ...process.env,
  GIT_AUTHOR_NAME: 'Ana',
  GIT_AUTHOR_EMAIL: 'ana@mesh.test',
  GIT_COMMITTER_NAME: 'Ana',
  GIT_COMMITTER_EMAIL: 'ana@mesh.test',
};

/** Makes `folder` a repository whose first commit holds the files. */
export async function createPolicyFolder(folder: string, files: PolicyFiles): Promise<PolicyFolder> {
  const git = async (...args: string[]) => (await run('git', args, { cwd: folder, env: environment })).stdout.trim();
  const commit = async (changes: PolicyFiles): Promise<string> => {
    for (const [path, text] of Object.entries(changes)) {
      const file = join(folder, 'policies', path);
      await mkdir(dirname(file), { recursive: true });
      if (text === undefined) await rm(file, { force: true });
      else await writeFile(file, text);
    }
    await git('add', '-A', '--', 'policies');
    await git('commit', '-qm', 'policies', '--allow-empty');
    return (await git('rev-parse', 'HEAD')).slice(0, 7);
  };
  await git('init', '-q', '-b', 'main');
  await commit(files);
  return { commit, git };
}
