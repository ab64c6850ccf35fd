import { spawn } from 'node:child_process';
import { failed, type ProbeResult, passed, wordsOf } from './probe-result.ts';

/** How much of what a command says is told. */
const longestWords = 200;

/**
 * One run of a program, without a shell and without what this process knows of tokens; exit code 0 is the success. When `signal` ends it
 * its whole process group is killed.
 */
export function probeExec(command: readonly string[], signal: AbortSignal): Promise<ProbeResult> {
  const [program = '', ...args] = command;
  return new Promise((resolve) => {
    const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('WEFT_')));
    const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'], detached: true, env });
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      if (said.length < longestWords) said = (said + text).slice(0, longestWords);
    });
    const end = (result: ProbeResult): void => {
      signal.removeEventListener('abort', onAbort);
      // What it left behind may hold the pipe open: nobody waits for that.
      child.stderr.destroy();
      resolve(result);
    };
    const onAbort = (): void => {
      if (child.pid !== undefined) killGroup(child.pid);
      end(failed(wordsOf(signal.reason)));
    };
    signal.addEventListener('abort', onAbort);
    child.on('error', (error) => end(failed(wordsOf(error))));
    child.on('exit', (code, killedBy) => {
      if (code === 0) end(passed);
      else
        setImmediate(() => end(failed(`${killedBy ?? `exit code ${code}`}${said === '' ? '' : `: ${said.trim()}`}`)));
    });
  });
}

function killGroup(leader: number): void {
  try {
    process.kill(-leader, 'SIGKILL');
  } catch {
    // It has ended already.
  }
}
