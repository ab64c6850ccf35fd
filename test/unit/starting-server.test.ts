import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createServer as createNetServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { whileStarting } from '../../src/cli/starting-server.ts';
import { Failure } from '../../src/model/failure.ts';
import { lockStateDir, stateDirHolder } from '../../src/store/lock.ts';
import { runVerb } from '../support/run-verb.ts';

const folder = mkdtempSync(join(tmpdir(), 'weft-starting-'));
const state = join(folder, '.weft/state');
afterAll(() => rmSync(folder, { recursive: true }));

/** A port at which nobody listens. */
async function freePort(): Promise<number> {
  const server = createNetServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

test('a command waits for a server of its folder that has begun, and for no other', async () => {
  mkdirSync(state, { recursive: true, mode: 0o700 });
  const port = await freePort();
  writeFileSync(join(state, 'api-address'), `http://127.0.0.1:${port}\n`);
  expect(stateDirHolder(state)).toBeUndefined();
  const alone = await runVerb(['proxies'], { cwd: folder });
  expect([alone.code, alone.stderr]).toEqual([2, expect.stringMatching(/WEFT0901 .*nothing listens there/)]);

  const lock = await lockStateDir(state);
  expect(stateDirHolder(state)).toBe(process.pid);
  const waiting = runVerb(['proxies', '-o', 'json'], { cwd: folder });
  const server = createServer((_request, response) => {
    response.setHeader('content-type', 'application/json');
    response.end('{"items":[]}');
  });
  await new Promise((resolve) => setTimeout(resolve, 300));
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const { code, stdout } = await waiting;
  expect([code, JSON.parse(stdout).items]).toEqual([0, []]);
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));

  // One that never listens is named.
  const unheard = async () => {
    throw new Failure('WEFT0901', 'the control plane at x cannot be reached: nothing listens there', 'start it');
  };
  await expect(whileStarting(folder, 300, unheard)).rejects.toMatchObject({
    code: 'WEFT0901',
    hint: expect.stringContaining(`process ${process.pid} has the state dir of this folder: is it still starting?`),
  });
  lock.release();
  await expect(whileStarting(folder, 300, unheard)).rejects.toMatchObject({ hint: 'start it' });
});

test('weft status --wait waits for the server, too, and says so', async () => {
  const port = await freePort();
  const cp = ['--cp', `http://127.0.0.1:${port}`];
  const { code, stderr } = await runVerb(['status', '--wait', '--timeout', '1500ms', ...cp], { cwd: folder });
  expect(code).toBe(2);
  expect(stderr).toMatch(/^waits: the control plane at .* cannot be reached: nothing listens there\n[\s\S]*WEFT0901/);
  expect((await runVerb(['status', ...cp], { cwd: folder })).stderr).toContain('weft status --wait waits for one');
});
