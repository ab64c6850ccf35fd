import { execFile } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

const execute = promisify(execFile);

/** One changed line of a policy file, as the demo prints it. */
export interface ChangedLine {
  readonly path: string;
  readonly line: number;
  readonly sign: '+' | '-';
  readonly text: string;
}

/** The demo's policy repository: an ordinary git repository, safe to edit while the demo runs. */
export interface WorkFolder {
  readonly path: string;
  /** The text of a policy file; undefined when it is not there. */
  read(file: string): string | undefined;
  /** Writes policy files; nothing of it is served before a commit. */
  write(files: Readonly<Record<string, string>>): void;
  /** Makes the policies these files and no others; what somebody wrote and did not commit goes into a commit before. */
  restore(files: Readonly<Record<string, string>>): Promise<void>;
  /** Commits what was written; the short commit id and what changed. */
  commit(subject: string): Promise<{ readonly commit: string; readonly lines: readonly ChangedLine[] }>;
}

/** The prefixes are said, as a user's settings may have others. */
const diff = ['diff', '-U0', '--no-color', '--no-ext-diff', '--src-prefix=a/', '--dst-prefix=b/', 'HEAD~1', 'HEAD'];

const author = {
  GIT_AUTHOR_NAME: 'weft demo',
  GIT_AUTHOR_EMAIL: 'demo@demo.mesh',
  GIT_COMMITTER_NAME: 'weft demo',
  GIT_COMMITTER_EMAIL: 'demo@demo.mesh',
};

/** Makes the work folder from the example's policies; `keep` goes on with what is there. */
export async function prepareWorkFolder(path: string, policies: string, keep: boolean): Promise<WorkFolder> {
  const git = async (...args: string[]) => {
    // The demo's repository is its own: no hook or setting of the user's other repositories takes part.
    const quiet = ['-c', 'core.hooksPath=/dev/null', '-c', 'commit.gpgsign=false', ...args];
    const { stdout } = await execute('git', quiet, {
      cwd: path,
      env: { ...process.env, ...author, GIT_DIR: join(path, '.git') },
    });
    return stdout;
  };
  const isFresh = !keep || !existsSync(join(path, '.git'));
  if (isFresh) {
    rmSync(path, { recursive: true, force: true });
    mkdirSync(path, { recursive: true });
    cpSync(policies, join(path, 'policies'), { recursive: true });
    writeFileSync(join(path, '.gitignore'), '.weft/\nrun/\n');
    await git('init', '-q', '-b', 'main');
    await git('add', '-A');
    await git('commit', '-qm', 'the shop');
  }
  const file = (name: string) => join(path, 'policies', name);
  const write = (files: Readonly<Record<string, string>>) => {
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(dirname(file(name)), { recursive: true });
      writeFileSync(file(name), text);
    }
  };
  return {
    path,
    read: (name) => (existsSync(file(name)) ? readFileSync(file(name), 'utf8') : undefined),
    write,
    async restore(files) {
      await git('add', '-A');
      if ((await git('status', '--porcelain')) !== '') await git('commit', '-qm', 'edited by hand, not committed');
      for (const name of existsSync(file('')) ? readdirSync(file('')) : [])
        if (!Object.hasOwn(files, name)) rmSync(file(name), { recursive: true, force: true });
      write(files);
    },
    async commit(subject) {
      await git('add', '-A');
      await git('commit', '-qm', subject, '--allow-empty');
      const commit = (await git('rev-parse', 'HEAD')).trim().slice(0, 7);
      return { commit, lines: changedLines(await git(...diff)) };
    },
  };
}

/** What a unified diff without context (`git diff -U0`) changes, line by line. */
export function changedLines(diff: string): readonly ChangedLine[] {
  const lines: ChangedLine[] = [];
  let [from, path] = ['', ''];
  let [before, after] = [0, 0];
  /** Lines of the present hunk that are still to come: only its header tells a removed `---` from the head of the next file. */
  let [removed, added] = [0, 0];
  for (const line of diff.split('\n')) {
    const hunk = /^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@/.exec(line);
    if (removed > 0 && line.startsWith('-')) {
      removed -= 1;
      lines.push({ path: from, line: before++, sign: '-', text: line.slice(1).trim() });
    } else if (added > 0 && line.startsWith('+')) {
      added -= 1;
      lines.push({ path, line: after++, sign: '+', text: line.slice(1).trim() });
    } else if (hunk) {
      [before, after] = [Number(hunk[1]), Number(hunk[3])];
      [removed, added] = [Number(hunk[2] ?? 1), Number(hunk[4] ?? 1)];
    } else if (line.startsWith('--- a/')) from = line.slice('--- a/'.length);
    else if (line.startsWith('+++ b/')) path = line.slice('+++ b/'.length);
  }
  return lines;
}
