import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

type Handler = (details: never) => unknown;
type Replies<Commands, Name extends keyof Commands> = Commands[Name] extends (details: never) => infer Reply
  ? Awaited<Reply>
  : never;
type Details<Commands, Name extends keyof Commands> = Commands[Name] extends (details: infer Details) => unknown
  ? Details
  : never;

/** A process of its own that does as it is told. */
export interface Program<Commands> {
  ask<Name extends keyof Commands & string>(
    name: Name,
    details: Details<Commands, Name>,
  ): Promise<Replies<Commands, Name>>;
  /** Closes its standard input, which ends it; the same happens when this process dies, however that comes about. */
  end(): Promise<void>;
}

/** No answer takes longer; what hangs shall be told of. */
const patience = 600_000;

/** Starts a program; what it writes to standard error is shown. Every question fails once it has ended. */
export function startProgram<Commands>(
  command: string,
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Program<Commands> {
  const child = spawn(command, args, {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, ...environment },
  });
  const waiting: { readonly resolve: (reply: unknown) => void; readonly reject: (error: Error) => void }[] = [];
  let ended: Error | undefined;
  const fail = (error: Error): void => {
    ended = error;
    for (const { reject } of waiting.splice(0)) reject(error);
  };
  const gone = new Promise<void>((resolve) => child.once('close', () => resolve()));
  child.once('error', fail);
  child.once('close', (code, signal) => fail(new Error(`${args[0] ?? command} ended with ${code ?? signal}`)));
  child.stdin.on('error', () => {});
  createInterface({ input: child.stdout }).on('line', (line) => {
    const reply = JSON.parse(line) as { readonly reply?: unknown; readonly error?: string };
    const next = waiting.shift();
    if (reply.error === undefined) next?.resolve(reply.reply);
    else next?.reject(new Error(reply.error));
  });
  return {
    ask: (name, details) =>
      new Promise((resolve, reject) => {
        if (ended !== undefined) {
          reject(ended);
          return;
        }
        const late = setTimeout(() => reject(new Error(`no answer to ${name} in ${patience / 1000} s`)), patience);
        waiting.push({
          resolve: (reply) => {
            clearTimeout(late);
            resolve(reply as Replies<Commands, typeof name>);
          },
          reject: (error) => {
            clearTimeout(late);
            reject(error);
          },
        });
        child.stdin.write(`${JSON.stringify({ name, details })}\n`);
      }),
    async end() {
      child.stdin.end();
      await gone;
    },
  };
}

/** The other side: answers commands in their order, and ends with its standard input. */
export function serveCommands<Commands extends { readonly [Name in keyof Commands]: Handler }>(
  commands: Commands,
): void {
  const handlers = new Map(Object.entries<Handler>(commands));
  let last = Promise.resolve();
  const answer = async (line: string): Promise<void> => {
    // What the other side may say is held by its type.
    const { name, details } = JSON.parse(line) as { readonly name: string; readonly details: never };
    try {
      process.stdout.write(`${JSON.stringify({ reply: (await handlers.get(name)?.(details)) ?? {} })}\n`);
    } catch (error) {
      process.stdout.write(`${JSON.stringify({ error: error instanceof Error ? error.stack : String(error) })}\n`);
    }
  };
  const lines = createInterface({ input: process.stdin });
  lines.on('line', (line) => {
    last = last.then(() => answer(line));
  });
  lines.on('close', () => process.exit(0));
}
