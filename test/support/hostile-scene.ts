import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, expect } from 'vitest';
import type { Contestant } from '../../bench/support/contestant.ts';
import { assignment } from '../../bench/support/mesh.ts';
import { connectWatchers, probe, probeWhile } from '../../bench/support/probe.ts';
import { type Program, startProgram } from '../../bench/support/program.ts';
import type { Certificates, LoadCommands, ResourceText } from '../../bench/support/protocol.ts';
import type { Account, HostileCommands, HostileOptions, Memory } from './hostile-protocol.ts';

/** A server in a process of its own, and good proxies in another; the test's own process is left to the attackers. */
export interface Scene {
  readonly port: number;
  readonly server: Program<HostileCommands>;
  readonly load: Program<LoadCommands>;
  account(): Promise<Account>;
  settle(): Promise<Memory>;
  /** Connects 100 proxies that watch one assignment. */
  connectProxies(): Promise<void>;
  /** Lets something happen, and tells what the good proxies and the server felt of it. */
  watch(meanwhile: Promise<unknown>): Promise<Felt>;
}

export interface Felt {
  /** Milliseconds from a change until a proxy has it, over all changes and proxies. */
  readonly p99: number;
  /** Milliseconds by which the server's event loop was late. */
  readonly loopP99: number;
  readonly lost: number;
}

export interface SceneOptions extends HostileOptions {
  readonly resources?: readonly ResourceText[];
  readonly certificates?: Certificates;
  /** Of the server. */
  readonly nodeArguments?: readonly string[];
}

export const proxies = 100;
const proxiesPerCall = 50;

/**
 * For the top of a test file: builds the programs before its tests, and ends after each test what that started. The server must
 * then still answer: what ended it has failed the test.
 */
export function useScenes(): (options?: SceneOptions) => Promise<Scene> {
  let folder = '';
  let child = '';
  const open: Scene[] = [];
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'weft-hostile-'));
    child = await build(folder);
  });
  afterEach(async () => {
    for (const { server, load } of open.splice(0)) {
      const alive = await server.ask('account', {}).catch((error: unknown) => error);
      await Promise.all([server.end(), load.end()]);
      expect(alive, 'the server lives').not.toBeInstanceOf(Error);
    }
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return async (options = {}) => {
    const scene = await startScene(child, options);
    open.push(scene);
    return scene;
  };
}

/** Compiles without checking types, which is done elsewhere; the descriptors are where the compiled code looks for them. */
async function build(folder: string): Promise<string> {
  const repository = resolve(import.meta.dirname, '../..');
  const file = 'test/support/hostile-child';
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
  symlinkSync(join(repository, 'node_modules'), join(folder, 'node_modules'));
  const config = {
    extends: join(repository, 'tsconfig.json'),
    compilerOptions: {
      rootDir: repository,
      outDir: join(folder, 'out'),
      noEmit: false,
      noCheck: true,
      typeRoots: [join(repository, 'node_modules/@types')],
    },
    include: [],
    files: [join(repository, `${file}.ts`)],
  };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config));
  const compiler = join(repository, 'node_modules/typescript/bin/tsc');
  await promisify(execFile)(process.execPath, [compiler, '-p', join(folder, 'tsconfig.json')]);
  const generated = 'src/proto/gen';
  mkdirSync(join(folder, 'out', generated), { recursive: true });
  symlinkSync(
    join(repository, generated, 'descriptor-set.binpb'),
    join(folder, 'out', generated, 'descriptor-set.binpb'),
  );
  return join(folder, 'out', `${file}.js`);
}

async function startScene(child: string, options: SceneOptions): Promise<Scene> {
  const { resources = [], certificates, nodeArguments = [], ...rest } = options;
  const server = startProgram<HostileCommands>(process.execPath, ['--expose-gc', ...nodeArguments, child, 'server']);
  const load = startProgram<LoadCommands>(process.execPath, [child, 'load']);
  const secure = certificates === undefined ? {} : { certificates };
  const { port } = await server.ask('start', {
    resources: [...resources, assignment(probe, 50)],
    ...secure,
    options: rest,
  });
  const contestant: Contestant = { name: 'weft', port, server, load, end: async () => {} };
  const account = () => server.ask('account', {});
  return {
    port,
    server,
    load,
    account,
    settle: () => server.ask('settle', {}),
    async connectProxies() {
      for (let connected = 0; connected < proxies; connected += proxiesPerCall)
        await connectWatchers(contestant, certificates);
      // What is compiled and allocated at first is no part of what is measured.
      await probeWhile(contestant, new Promise((done) => setTimeout(done, 500)));
    },
    async watch(meanwhile) {
      await server.ask('watchLoop', {});
      const p99 = await probeWhile(contestant, meanwhile);
      const { loopP99 } = await server.ask('usage', {});
      const { good } = await account();
      return { p99, loopP99, lost: proxies - good };
    },
  };
}
