import { spawn } from 'node:child_process';
import { open, stat } from 'node:fs/promises';

/** What a file turned out to be when asked for its version. `absent` is no mistake, every other problem is. */
export type EnvoyProbe =
  | { readonly kind: 'runs'; readonly version: string }
  | { readonly kind: 'absent' }
  | { readonly kind: 'broken'; readonly problem: string };

const ANSWER_DEADLINE_MS = 10_000;

/** Asks a file for its version; a wrong architecture or a missing library is told as that (section 8 of experience.md). */
export async function probeEnvoy(path: string): Promise<EnvoyProbe> {
  const status = await stat(path).catch(() => undefined);
  if (status === undefined) return { kind: 'absent' };
  if (!status.isFile()) return { kind: 'broken', problem: 'not a file' };
  const built = await platformOf(path);
  const here = `${process.platform}-${process.arch}`;
  if (built !== undefined && built !== here) return { kind: 'broken', problem: `built for ${built}, this is ${here}` };
  return askVersion(path);
}

/** The platform a binary was built for, from its first bytes; undefined for scripts and what cannot be read. */
async function platformOf(path: string): Promise<string | undefined> {
  const file = await open(path).catch(() => undefined);
  if (file === undefined) return undefined;
  try {
    const head = Buffer.alloc(20);
    const { bytesRead } = await file.read(head, 0, head.length, 0);
    if (bytesRead < head.length) return undefined;
    if (head.readUInt32BE(0) === 0x7f454c46) return `linux-${elfMachine(head.readUInt16LE(18))}`;
    if (head.readUInt32LE(0) === 0xfeedfacf) return `darwin-${head.readUInt32LE(4) === 0x0100000c ? 'arm64' : 'x64'}`;
    return undefined;
  } finally {
    await file.close();
  }
}

function elfMachine(machine: number): string {
  if (machine === 62) return 'x64';
  return machine === 183 ? 'arm64' : `machine-${machine}`;
}

function askVersion(path: string): Promise<EnvoyProbe> {
  return new Promise((resolve) => {
    const child = spawn(path, ['--version'], { stdio: ['ignore', 'pipe', 'pipe'], timeout: ANSWER_DEADLINE_MS });
    let output = '';
    const collect = (chunk: Buffer) => {
      if (output.length < 65_536) output += chunk.toString();
    };
    child.stdout.on('data', collect);
    child.stderr.on('data', collect);
    child.on('error', (error: NodeJS.ErrnoException) => resolve({ kind: 'broken', problem: spawnProblem(error) }));
    child.on('close', (code, signal) => resolve(readAnswer(output, code, signal)));
  });
}

function spawnProblem(error: NodeJS.ErrnoException): string {
  if (error.code === 'EACCES') return 'not executable';
  // The file is there, so what the system did not find is the loader or interpreter that the file names.
  if (error.code === 'ENOENT') return 'its loader is missing (a glibc system is needed) or its interpreter moved';
  return `cannot be started: ${error.message}`;
}

function readAnswer(output: string, code: number | null, signal: string | null): EnvoyProbe {
  const version = /version: [0-9a-f]+\/(\d+\.\d+\.\d+[^/\s]*)\//.exec(output)?.[1];
  if (version !== undefined && code === 0) return { kind: 'runs', version };
  const library = /error while loading shared libraries: ([^:\s]+)/.exec(output)?.[1];
  if (library !== undefined) return { kind: 'broken', problem: `the library ${library} is missing` };
  const symbols = /version `([A-Z]+_[\d.]+)' not found/.exec(output)?.[1];
  if (symbols !== undefined)
    return { kind: 'broken', problem: `the system libraries are too old, ${symbols} is missing` };
  if (signal !== null) return { kind: 'broken', problem: `ended by ${signal} when asked for its version` };
  const words = output.trim().split('\n')[0]?.slice(0, 120) ?? '';
  return {
    kind: 'broken',
    problem: `not Envoy: "--version" gave exit code ${code}${words === '' ? '' : ` and "${words}"`}`,
  };
}
