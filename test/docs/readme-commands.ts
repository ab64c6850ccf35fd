import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';

/** One fenced block of commands, and the output that the README shows right after it. */
export interface Commands {
  readonly text: string;
  /** Lines; `…` stands for anything, `100±50` for a whole number from 50 to 150. Undefined: nothing is promised. */
  readonly shows?: readonly string[];
}

/** The ```sh blocks of a README in order, each with the ```text block that follows it. */
export function commandsOf(readme: string): readonly Commands[] {
  const blocks = [...readFileSync(readme, 'utf8').matchAll(/^```(sh|text)\n([\s\S]*?)^```$/gm)];
  return blocks.flatMap(([, kind, text = ''], index) => {
    if (kind !== 'sh') return [];
    const [, next, shown = ''] = blocks[index + 1] ?? [];
    return next === 'text' ? [{ text, shows: shown.trimEnd().split('\n') }] : [{ text }];
  });
}

export interface Ran {
  /** What each block printed on stdout, without the last line break. */
  readonly printed: readonly string[];
  readonly exit: number | null;
  /** All of stderr, for the message of a failing test. */
  readonly said: string;
  /** Processes that the commands left behind. */
  readonly leftOver: boolean;
}

/**
 * Runs the blocks one after another in one bash, which stops at the first failing command, and ends whatever they started. `env` is
 * added to the environment: it may only hold variables that the README itself reads. After `deadline` ms all of it is killed.
 */
export async function runCommands(
  commands: readonly Commands[],
  options: { readonly cwd: string; readonly env: Readonly<Record<string, string>>; readonly deadline: number },
): Promise<Ran> {
  const mark = '=== next block ===';
  const script = commands.map(({ text }) => text).join(`\necho '${mark}'\n`);
  // What weft run keeps between its runs belongs to this run alone.
  const kept = options.env.WORK === undefined ? {} : { XDG_STATE_HOME: `${options.env.WORK}/kept` };
  const environment = { ...process.env, ...kept, npm_config_loglevel: 'error', NO_COLOR: '1', ...options.env };
  // A group of its own, so that everything that the commands start can be ended, and nothing else.
  const shell = spawn('bash', ['-ec', script], {
    cwd: options.cwd,
    env: environment,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const group = -(shell.pid ?? 0);
  let output = '';
  let said = '';
  shell.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  shell.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  const timer = setTimeout(() => signal(group, 'SIGKILL'), options.deadline);
  const [exit] = (await once(shell, 'exit')) as [number | null];
  clearTimeout(timer);
  const leftOver = signal(group, 'SIGKILL');
  await Promise.all([closed(shell.stdout), closed(shell.stderr)]);
  const printed = output.split(`${mark}\n`).map((text) => text.replace(/\n$/, ''));
  return { printed, exit, said, leftOver };
}

/** True if what was printed is what the README shows, line by line. */
export function isAsShown(shows: readonly string[], printed: string): boolean {
  const lines = printed.split('\n');
  if (lines.length !== shows.length) return false;
  return shows.every((shown, index) => {
    const parts = shown.split(/(…|\d+±\d+)/).map((part) => {
      if (part === '…') return '.*';
      return part.includes('±') ? '(?<!\\d)(\\d+)' : part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
    });
    // Columns are as wide as their widest cell, which is nobody's promise.
    const pattern = new RegExp(`^${parts.join('').replace(/ +/g, ' +')}$`);
    const [whole, ...figures] = pattern.exec((lines[index] ?? '').trimEnd()) ?? [];
    const bounds = [...shown.matchAll(/(\d+)±(\d+)/g)];
    const isWithin = bounds.every(
      ([, middle, off], at) => Math.abs(Number(figures[at]) - Number(middle)) <= Number(off),
    );
    return whole !== undefined && isWithin;
  });
}

/** A port base of which the ports at `offsets` are free on loopback. */
export async function freePortBase(offsets: readonly number[]): Promise<number> {
  for (;;) {
    const base = 20_000 + Math.floor(Math.random() * 6_000);
    const free = await Promise.all(offsets.map((offset) => isFree(base + offset)));
    if (free.every((yes) => yes)) return base;
  }
}

/** A loopback address that is hardly anybody else's, so that ports need not vary. */
export function loopbackAddress(): string {
  const byte = () => 1 + Math.floor(Math.random() * 250);
  return `127.${100 + (byte() % 100)}.${byte()}.${byte()}`;
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '0.0.0.0', () => server.close(() => resolve(true)));
  });
}

function signal(group: number, name: NodeJS.Signals): boolean {
  try {
    return process.kill(group, name);
  } catch {
    return false;
  }
}

async function closed(stream: NodeJS.ReadableStream & { readonly closed?: boolean }): Promise<void> {
  if (stream.closed !== true) await once(stream, 'close');
}
