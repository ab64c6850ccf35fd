import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { envoyPath } from '../support/envoy-path.ts';
import { eventually } from '../support/eventually.ts';
import { freePortBase } from '../support/port-base.ts';

// What `npm run demo` runs.
const script = fileURLToPath(new URL('../../scripts/demo.mjs', import.meta.url));

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'weft-demo-'));
});

afterEach(() => rm(folder, { recursive: true, force: true }));

interface DemoEvent {
  readonly kind: string;
  readonly step: string;
  readonly event: string;
  readonly ok: boolean;
  readonly text: string;
  readonly code?: string;
  readonly place?: string;
}

/** The demo's CLI, its events, and its end. */
async function startDemo(...flags: string[]) {
  const words = [
    script,
    '-o',
    'json',
    '--envoy',
    await envoyPath(),
    '--port-base',
    String(await freePortBase()),
    ...flags,
  ];
  const child: ChildProcess = spawn(process.execPath, words, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
  const events: DemoEvent[] = [];
  const errors: string[] = [];
  if (!child.stdout || !child.stderr) throw new Error('no pipes');
  createInterface({ input: child.stdout }).on('line', (line) => events.push(JSON.parse(line) as DemoEvent));
  createInterface({ input: child.stderr }).on('line', (line) => errors.push(line));
  const ended = new Promise<number | null>((resolve) => child.on('close', (code) => resolve(code)));
  return { child, events, errors, ended };
}

test('the demo presses every key, sees every announced effect on real requests, and exits 0', {
  timeout: 120_000,
}, async () => {
  const { events, errors, ended } = await startDemo('--no-input', '--duration', '20s');
  const code = await ended;
  expect(
    events.filter(({ ok }) => !ok),
    errors.join('\n'),
  ).toEqual([]);
  expect(code).toBe(0);
  const effects = events.filter(({ event }) => event === 'effect').map(({ step }) => step);
  expect(effects).toEqual(['canary', 'fault', 'forbid', 'broken']);
  const rejected = events.find(({ event }) => event === 'rejected');
  expect(rejected).toMatchObject({ step: 'broken', code: 'WEFT0002' });
  expect(rejected?.place).toMatch(/^policies\/reviews\.yaml:\d+:\d+$/);
  expect(events.find(({ step }) => step === 'mtls')).toMatchObject({ ok: true });
  expect(events.find(({ step, event }) => step === 'canary' && event === 'plan')?.text).toMatch(
    /^1 of 6 proxies changes: frontend-1 {2}RDS ~\d, VHDS ~\d$/,
  );
});

test('a demo that is killed leaves no process behind', { timeout: 60_000 }, async () => {
  const { child, events, ended } = await startDemo();
  await eventually('the demo is ready', () => events.some(({ step }) => step === 'ready'), 30_000);
  const { pid } = child;
  if (pid === undefined) throw new Error('no process');
  const family = descendants(pid);
  // Six applications and six Envoys, with the leash of each.
  expect(family.length).toBeGreaterThanOrEqual(12);
  child.kill('SIGKILL');
  await ended;
  await eventually('every process of the demo is gone', () => family.every((one) => !isAlive(one)), 15_000);
});

test('a demo that is interrupted while it starts ends at once, and leaves nothing behind', {
  timeout: 60_000,
}, async () => {
  const { child, events, ended } = await startDemo('--no-input');
  await eventually('the control plane is there', () => events.some(({ step }) => step === 'policies'), 20_000);
  await eventually('sidecars are starting', () => descendants(child.pid ?? 0).length >= 6);
  const family = descendants(child.pid ?? 0);
  child.kill('SIGTERM');
  expect(await ended).toBe(130);
  await eventually('every process of the demo is gone', () => family.every((one) => !isAlive(one)), 15_000);
});

test('on a terminal the number keys commit, the table lives, a commit by hand is told, ctrl-c ends it', {
  timeout: 60_000,
}, async () => {
  const base = await freePortBase();
  const command = [process.execPath, script, '--port-base', String(base)].join(' ');
  // util-linux's `script` gives the demo a terminal.
  const child = spawn('script', ['-qefc', command, '/dev/null'], {
    cwd: folder,
    env: { ...process.env, LANG: 'C.UTF-8', ENVOY_PATH: await envoyPath() },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let screen = '';
  child.stdout.on('data', (data: Buffer) => {
    screen += data.toString();
  });
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
  const shows = (text: string | RegExp, deadline = 15_000) =>
    eventually(`the screen shows ${text}`, () => screen.search(text) >= 0, deadline);
  try {
    await shows('\\(ctrl-c\\) stop', 30_000);
    await shows('frontend {3}reviews');
    // The table is drawn over the one before.
    await shows('\\u001b\\[\\d+A');
    child.stdin.write('4');
    await shows('WEFT0002 spec.http\\[0\\].route\\[0\\]: unknown field "wieght"');
    await shows('pages served as before');
    child.stdin.write('r');
    await shows('the policies as they were');
    const work = join(folder, '.weft', `demo-${base}`);
    execFileSync('git', ['rm', '-q', 'policies/authz.yaml'], { cwd: work });
    execFileSync('git', ['-c', 'user.name=Ana', '-c', 'user.email=ana@mesh.test', 'commit', '-qm', 'by hand'], {
      cwd: work,
    });
    await shows('your commit [0-9a-f]{7} "by hand"');
    child.stdin.write('3');
    await shows('policies/authz.yaml is gone; press r');
    child.stdin.write('\u0003');
    expect(await ended).toBe(0);
  } finally {
    child.kill('SIGKILL');
  }
});

test('a port in use is named with its owner, and nothing is started', { timeout: 30_000 }, async () => {
  const base = await freePortBase();
  const { createServer } = await import('node:net');
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(base + 14, '127.0.0.1', resolve));
  const { ended, events } = await startDemo('--port-base', String(base));
  expect(await ended).toBe(2);
  expect(events.at(-1)).toMatchObject({
    kind: 'Error',
    code: 'WEFT0910',
    message: `port ${base + 14} is used by pid ${process.pid} (${ownName()})`,
  });
  await new Promise((resolve) => server.close(resolve));
});

function ownName(): string {
  return readFileSync('/proc/self/comm', 'utf8').trim();
}

/** Every process below one, by the parents in /proc. */
function descendants(root: number): number[] {
  const children = new Map<number, number[]>();
  for (const name of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'utf8');
      const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
      children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
    } catch {
      // It ended while we looked.
    }
  }
  const below = (pid: number): number[] => (children.get(pid) ?? []).flatMap((child) => [child, ...below(child)]);
  return below(root);
}

/** Running, and no zombie. */
function isAlive(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return !stat.slice(stat.lastIndexOf(')') + 2).startsWith('Z');
  } catch {
    return false;
  }
}
