import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { devNull } from 'node:os';
import { Failure } from '../model/failure.ts';

/** The longest time and the most bytes one call of git may take. */
const limits = { millis: 20_000, bytes: 256 * 1024 * 1024 } as const;

/** Settings of the repository that could start a process or reach a network are switched off (T13). */
const safe = [
  ['core.hooksPath', devNull],
  ['core.fsmonitor', 'false'],
  ['core.untrackedCache', 'false'],
  ['core.sshCommand', 'false'],
  ['credential.helper', ''],
  ['protocol.allow', 'never'],
  ['log.showSignature', 'false'],
  ['safe.directory', '*'],
].flatMap(([key, value]) => ['-c', `${key}=${value}`]);

/**
 * Runs git in `repository` by argv with a clean environment, and only commands that read objects are ever asked for. Resolves to
 * its exit code and what it wrote; throws Failure WEFT0960 if git cannot be started or does not come back.
 */
export function runGit(
  repository: string,
  args: readonly string[],
  input = '',
): Promise<{ readonly status: number; readonly stdout: Buffer; readonly stderr: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn('git', ['--no-pager', '--literal-pathspecs', ...safe, ...args], {
      cwd: repository,
      env: cleanEnvironment(),
      timeout: limits.millis,
      killSignal: 'SIGKILL',
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    const out: Buffer[] = [];
    let size = 0;
    let stderr = '';
    const fail = (message: string) =>
      reject(new Failure('WEFT0960', message, 'install git, and check that the folder can be read', repository));
    child.on('error', (error) => {
      // A working folder that is gone and a git that is not there are the same ENOENT to spawn.
      if (existsSync(repository)) fail(`git could not be started: ${error.message}`);
      else reject(gone(repository));
    });
    child.stdout.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > limits.bytes) child.kill('SIGKILL');
      else out.push(chunk);
    });
    child.stderr.on('data', (chunk: Buffer) => {
      if (stderr.length < 4096) stderr += chunk.toString('utf8');
    });
    // git may leave before it has read everything: its exit code tells.
    child.stdin.on('error', () => undefined);
    child.on('close', (status, signal) => {
      if (signal) fail(`git ${args[0]} was stopped: it took too long or wrote too much`);
      else resolve({ status: status ?? 1, stdout: Buffer.concat(out), stderr });
    });
    child.stdin.end(input);
  });
}

function gone(repository: string): Failure {
  return new Failure(
    'WEFT0960',
    'the folder of the policy repository does not exist',
    'restore it, or name the right one',
    repository,
  );
}

function cleanEnvironment(): NodeJS.ProcessEnv {
  return {
    PATH: process.env.PATH,
    LC_ALL: 'C',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: devNull,
    GIT_TERMINAL_PROMPT: '0',
    GIT_OPTIONAL_LOCKS: '0',
    GIT_NO_LAZY_FETCH: '1',
    GIT_NO_REPLACE_OBJECTS: '1',
    GIT_ALLOW_PROTOCOL: '',
    GIT_ASKPASS: 'false',
  };
}
