import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { bootstrapVerb } from '../../src/cli/verbs/bootstrap.ts';
import { runVerb } from '../../src/cli/verbs/run.ts';
import { Failure } from '../../src/model/failure.ts';
import { Secret } from '../../src/model/secret.ts';
import { createControlPlaneClient } from '../../src/sidecar/control-plane-client.ts';
import { freePort } from '../../src/sidecar/free-port.ts';
import { refusalText } from '../../src/sidecar/refusal.ts';
import {
  type BareControlPlane,
  type DeltaCall,
  refuseWith,
  serveEmpty,
  startBareControlPlane,
} from '../support/bare-control-plane.ts';
import { envoyPath } from '../support/envoy-path.ts';
import { eventually } from '../support/eventually.ts';
import { type StartedVerb, startVerb } from '../support/run-verb.ts';
import { selfSigned } from '../support/self-signed.ts';

const certificate = selfSigned('xds.weft');
const bearer = `${'a'.repeat(12)}.${'b'.repeat(43)}`;
let folder: string;
let envoy: string;
let controlPlane: BareControlPlane | undefined;
/** Ends every `weft run` of a test, as ctrl-c twice would. */
let running: StartedVerb[] = [];

beforeAll(async () => {
  envoy = await envoyPath();
});
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'weft-run-'));
});
afterEach(async () => {
  for (const { stop } of [...running, ...running]) stop('SIGINT');
  await Promise.all(running.map(({ code }) => code));
  running = [];
  controlPlane?.close();
  controlPlane = undefined;
  await rm(folder, { recursive: true, force: true });
});

async function start(onStream: (call: DeltaCall) => void, fingerprint?: string): Promise<BareControlPlane> {
  controlPlane = await startBareControlPlane(certificate, onStream);
  const print = Buffer.from(fingerprint ?? controlPlane.fingerprint, 'hex').toString('base64url');
  await writeFile(join(folder, 'payments.token'), `${bearer}.${print}\n`, { mode: 0o600 });
  return controlPlane;
}

/** Runs the CLI in this process; `stop` is ctrl-c or SIGTERM. */
function weft(words: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const started = startVerb(words, {
    cwd: folder,
    env: { XDG_RUNTIME_DIR: folder, ENVOY_PATH: envoy, ...env },
    verbs: [runVerb, bootstrapVerb],
  });
  running.push(started);
  return started;
}

async function runWords(port: number, ...more: string[]): Promise<string[]> {
  const outbound = ['--outbound-port', String(await freePort())];
  const where = ['--cp', `https://127.0.0.1:${port}`, '--token-file', 'payments.token'];
  return ['run', '--service', 'payments', '-n', 'shop', ...where, ...outbound, '--concurrency', '1', ...more];
}

describe('weft run', () => {
  test('says how it joins, and goodbye on SIGTERM', async () => {
    const { port, goodbyes } = await start(serveEmpty);
    const { said, code, stop } = weft(await runWords(port));
    await eventually('membership', () => said.stdout.includes('is in the mesh'));
    const socket = join(folder, 'weft/payments-1.shop/admin.sock');
    expect(said.stdout).toMatch(
      /^√ control plane {2}127\.0\.0\.1:\d+, certificate pinned by the token \(sha256:[0-9a-f]{8}\.\.\)\n/,
    );
    expect(said.stdout).toMatch(new RegExp(`√ envoy {10}1\\.40\\.0, pid \\d+, admin unix:${socket}\\n`));
    expect(said.stdout).toMatch(/√ config {9}0 listeners, 0 clusters, SYNCED in \d+ ms\n/);
    expect(said.stdout).toMatch(
      /from here: export HTTP_PROXY=http:\/\/127\.0\.0\.1:\d+, or fixed ports \(weft env payments\)\n/,
    );
    expect(statSync(join(folder, 'weft/payments-1.shop')).mode & 0o777).toBe(0o700);
    expect(statSync(join(folder, 'weft/payments-1.shop/envoy.json')).mode & 0o777).toBe(0o600);
    expect(statSync(socket).mode & 0o777).toBe(0o600);
    stop('SIGTERM');
    expect(await code).toBe(0);
    // By its certificate: the token was sent once.
    expect(goodbyes).toEqual([{ nodeId: 'payments-1.shop', authorization: undefined }]);
    expect(said.stdout).toMatch(
      /√ goodbye {8}every caller knows\n√ drain {10}no request is running\n√ envoy {10}stopped\n$/,
    );
    expect(said.stderr).toBe('');
    // What is kept for the next run.
    expect(readdirSync(join(folder, 'weft'))).toEqual(['identities']);
  });

  test.each(['table', 'json'])(
    '-o %s: what Envoy writes to its stdout, an access log, is passed on; its own log is not',
    async (format) => {
      const { port } = await start(serveEmpty);
      const wrapper = join(folder, 'envoy');
      const words = 'GET / 200 [warning] \\033[31m';
      await writeFile(
        wrapper,
        `#!/bin/sh\n[ "$1" = -c ] && printf '${words}\\n' && echo 'own log' >&2\nexec '${envoy}' "$@"\n`,
        { mode: 0o700 },
      );
      const { said, code, stop } = weft(await runWords(port, '-o', format), { ENVOY_PATH: wrapper });
      await eventually('membership', () => /is in the mesh|"ready"/.test(said.stdout));
      stop('SIGTERM');
      expect(await code).toBe(0);
      const lines = said.stdout.split('\n');
      if (format === 'table') expect(lines).toContain('GET / 200 [warning] \\u001b[31m');
      else
        expect(lines.filter((line) => line !== '').map((line) => JSON.parse(line))).toContainEqual({
          apiVersion: 'cli.weft.dev/v1',
          kind: 'EnvoyOutput',
          line: 'GET / 200 [warning] \u001b[31m',
        });
      expect(said.stdout + said.stderr).not.toContain('own log');
    },
  );

  test('a goodbye to a control plane with another CA is told in our words', async () => {
    const { host, port } = await start(serveEmpty).then(({ port }) => ({ host: '127.0.0.1', port }));
    const rootPem = selfSigned('xds.weft').certificate;
    const client = createControlPlaneClient({ host, port, serverName: 'xds.weft', rootPem }, new Secret(bearer));
    await expect(client.leave('payments-1.shop', 5_000)).rejects.toMatchObject({
      code: 'WEFT0304',
      message: `the certificate of ${host}:${port} is not signed by the CA that the token pins`,
    });
    client.close();
    const nobody = await freePort();
    const other = createControlPlaneClient({ host, port: nobody, serverName: 'xds.weft', rootPem }, new Secret(bearer));
    const error: unknown = await other.leave('payments-1.shop', 5_000).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'WEFT0901' });
    expect(String(error)).not.toMatch(/Resolution note|Last error: null/);
    other.close();
  });

  test('prints the same as JSON lines, and refuses a second run for the same proxy', async () => {
    const { port } = await start(serveEmpty);
    const { said, code, stop } = weft(await runWords(port, '-o', 'json'));
    await eventually('readiness', () => said.stdout.includes('"ready"'));
    const second = weft(await runWords(port));
    expect(await second.code).toBe(2);
    expect(second.said.stderr).toContain('WEFT0914 proxy payments-1.shop is in use by another "weft run"');
    stop('SIGINT');
    expect(await code).toBe(130);
    const events = said.stdout
      .trim()
      .split('\n')
      .map((line): unknown => JSON.parse(line));
    expect(events.map((event) => (event as { event: string }).event)).toEqual([
      'control-plane',
      'envoy',
      'connected',
      'ready',
      'leaving',
      'left',
      'drained',
      'stopped',
    ]);
    expect(events[3]).toMatchObject({ apiVersion: 'cli.weft.dev/v1', kind: 'RunEvent', state: 'ready' });
  });

  test('a refused token ends it, in the words of the control plane', async () => {
    const words = refusalText(
      new Failure('WEFT0204', 'token aaaaaaaaaaaa was revoked', 'weft token create --service payments'),
    );
    const { port } = await start(refuseWith(words));
    const { said, code } = weft(await runWords(port));
    expect(await code).toBe(2);
    expect(said.stderr).toContain('× WEFT0204 token aaaaaaaaaaaa was revoked');
    expect(said.stderr).toContain('fix    weft token create --service payments');
    expect(said.stderr.match(/WEFT0204/g)).toHaveLength(1);
    expect(said.stderr).not.toContain('b'.repeat(43));
  });

  test.each<[string, (port: number) => Promise<readonly string[]>, NodeJS.ProcessEnv, string]>([
    [
      'no Envoy',
      (port) => runWords(port),
      { ENVOY_PATH: '/nowhere/envoy' },
      'WEFT0903 the Envoy of ENVOY_PATH cannot be used: /nowhere/envoy: no such file',
    ],
    [
      'no token',
      async (port) => (await runWords(port)).filter((word) => !/token/.test(word)),
      {},
      'WEFT0912 no token was given',
    ],
    [
      'the API instead of xDS',
      async () => [
        'run',
        '--service',
        'a',
        '--cp',
        'http://127.0.0.1:15014',
        '--token-file',
        'payments.token',
        '--outbound-port',
        String(await freePort()),
      ],
      {},
      'which is TLS only',
    ],
    ['nobody there', async () => runWords(await freePort()), {}, 'nobody listens there'],
    ['a label that is none', (port) => runWords(port, '--label', 'x'), {}, 'WEFT0912 --label "x" is not a label'],
    [
      'a service that is no name',
      async (port) => (await runWords(port)).map((word) => (word === 'payments' ? 'Pay.ments' : word)),
      {},
      'WEFT0912 --service "Pay.ments" is not a name',
    ],
    ['a way that comes later', (port) => runWords(port, '--capture', 'vip'), {}, '"vip" is not available yet'],
    ['a surplus inbound port', (port) => runWords(port, '--inbound-port', '1234'), {}, 'has no --port to go with'],
  ])('a refusal: %s', async (_name, words, env, expected) => {
    const { port } = await start(serveEmpty);
    const { said, code } = weft(await words(port), env);
    expect(await code).toBe(2);
    if (existsSync(join(folder, 'weft'))) expect(readdirSync(join(folder, 'weft'))).toEqual([]);
    expect(said.stderr).toContain(expected);
    expect(said.stderr).toMatch(/\n {4}fix {4}\S/);
    expect(said.stdout).toBe('');
  });

  test('a port in use is told with its process', async () => {
    const { port } = await start(serveEmpty);
    const holder = createServer().listen(0, '127.0.0.1');
    await once(holder, 'listening');
    try {
      const address = holder.address();
      const used = typeof address === 'object' && address !== null ? String(address.port) : '';
      const { said, code } = weft(await runWords(port, '--outbound-port', used));
      expect(await code).toBe(2);
      expect(said.stderr).toContain(`WEFT0910 port ${used} is used by pid ${process.pid} (`);
      expect(said.stderr).toContain('choose another with --outbound-port');
    } finally {
      holder.close();
    }
  });

  test('the usual inbound port is in use: another takes its place, which is said', async () => {
    const holder = createServer().listen(0, '0.0.0.0');
    await once(holder, 'listening');
    try {
      const address = holder.address();
      const usual = typeof address === 'object' && address !== null ? address.port : 0;
      const application = String(usual - 10_000);
      const ends = async (...more: string[]) => {
        const { said, code } = weft(await runWords(await freePort(), '--port', application, ...more));
        expect(await code).toBe(2);
        return said.stderr.split('\n')[0];
      };
      const [, other] = /connect to (\d+)/.exec((await ends()) ?? '') ?? [];
      expect(Number(other)).not.toBe(usual);
      expect(await ends()).toMatch(
        new RegExp(
          `^‼ inbound {8}callers of port ${application} connect to \\d+: port ${usual} is in use by pid ${process.pid} \\(.+\\); --inbound-port names another$`,
        ),
      );
      expect(await ends('-q')).toMatch(/^× WEFT/);
      // What was asked for is never replaced.
      expect(await ends('--inbound-port', String(usual))).toContain(`WEFT0910 port ${usual} is used by pid`);
    } finally {
      holder.close();
    }
    const { said, code } = weft(await runWords(await freePort(), '--port', '60000'));
    expect(await code).toBe(2);
    expect(said.stderr).toMatch(/^‼ inbound {8}callers of port 60000 connect to \d+: there is no port 70000; /);
  });

  test('another control plane than the one of the token is refused', async () => {
    const { port } = await start(serveEmpty, '00'.repeat(32));
    const { said, code } = weft(await runWords(port));
    expect(await code).toBe(2);
    expect(said.stderr).toContain('is not the control plane that made this token');
  });

  test('a file that holds no token is named', async () => {
    const { port } = await start(serveEmpty);
    await writeFile(join(folder, 'payments.token'), 'a b\n', { mode: 0o600 });
    const { said, code } = weft(await runWords(port));
    expect(await code).toBe(2);
    expect(said.stderr).toMatch(/WEFT0203 the token cannot be read: .*\n +where +\/.*\/payments\.token\n/);
  });

  test.each(['XDG_RUNTIME_DIR', 'XDG_STATE_HOME'])('%s that is no folder is told', async (name) => {
    const { port } = await start(serveEmpty);
    const { said, code } = weft(await runWords(port), { [name]: join(folder, 'payments.token') });
    expect(await code).toBe(2);
    expect(said.stderr).toMatch(/WEFT0904 .*payments\.token" cannot be used: .*\(EEXIST\)\n +where .*\n +fix /);
  });
});

describe('weft bootstrap', () => {
  const words = (port: number) => [
    'bootstrap',
    '--service',
    'payments',
    '-n',
    'shop',
    '--port',
    '9080',
    '--port',
    '9090/grpc',
    '--inbound-port',
    '19999',
    '--version',
    'v2',
    '--label',
    'tier=backend',
    '--cp',
    `127.0.0.1:${port}`,
    '--token-file',
    'payments.token',
  ];

  test('a file that cannot be written is told before the token is spent, and to people', async () => {
    await start(serveEmpty);
    const { said, code } = weft([...words(1), '--out', 'nowhere/envoy.json']);
    expect(await code).toBe(2);
    expect(said.stderr).toMatch(/^× WEFT0904 .*nowhere\/envoy\.json" cannot be written: ENOENT.*\n +where .*\n +fix /);
    expect(said.stdout).toBe('');
  });

  test('that it failed is JSON where that was asked for', async () => {
    await start(serveEmpty);
    const { said, code } = weft([...words(1), '-o', 'json']);
    expect([await code, said.stderr]).toEqual([2, '']);
    expect(JSON.parse(said.stdout)).toMatchObject({ kind: 'Error', code: 'WEFT0901' });
  });

  test('writes a private file that the real Envoy accepts', async () => {
    const { port } = await start(serveEmpty);
    const { said, code } = weft([...words(port), '--out', 'envoy.json']);
    expect(await code, said.stderr).toBe(0);
    expect(said.stdout).toBe('');
    expect(said.stderr).not.toContain('b'.repeat(43));
    const file = join(folder, 'envoy.json');
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const json = JSON.parse(await readFile(file, 'utf8'));
    expect(json.node).toEqual({
      id: 'payments-1.shop',
      cluster: 'payments',
      metadata: {
        weft: {
          service: 'payments',
          namespace: 'shop',
          labels: { version: 'v2', tier: 'backend' },
          ports: [
            { port: 9080, inbound: 19_999, protocol: 'http' },
            { port: 9090, inbound: 19_090, protocol: 'grpc' },
          ],
          inboundBind: '0.0.0.0',
          capture: { bind: '127.0.0.1', proxy: 15_001, ports: true },
          roots: [expect.stringMatching(/^[0-9a-f]{64}$/)],
        },
      },
    });
    expect(JSON.stringify(json)).toContain(`Bearer ${bearer}"`);
    const { stdout, stderr } = await promisify(execFile)(envoy, ['--mode', 'validate', '-c', file]);
    expect(stdout + stderr).toContain('OK');
  });

  test('on stdout the same, which is made private first', async () => {
    const { port } = await start(serveEmpty);
    const { said, code } = weft(words(port));
    expect(await code, said.stderr).toBe(0);
    expect(said.isPrivate).toBe(true);
    expect(JSON.parse(said.stdout)).toHaveProperty('dynamic_resources');
  });
});
