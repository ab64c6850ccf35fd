import { execFile } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { onOff, text } from '../../src/cli/flag.ts';
import { marks } from '../../src/cli/marks.ts';
import { printable, printTable } from '../../src/cli/table.ts';
import { defineVerb, type Verb } from '../../src/cli/verb.ts';
import { verbs } from '../../src/cli/verbs.ts';
import { yamlText } from '../../src/cli/yaml-text.ts';
import { runVerb } from '../support/run-verb.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const operatorText = `${'a'.repeat(12)}.${'b'.repeat(43)}.${'c'.repeat(43)}`;
const operatorBearer = `Bearer ${'a'.repeat(12)}.${'b'.repeat(43)}`;
let folder: string;
const closers: (() => void)[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'weft-cli-'));
});
afterEach(async () => {
  for (const close of closers.splice(0)) close();
  await rm(folder, { recursive: true, force: true });
});

const weft = (words: readonly string[], env: NodeJS.ProcessEnv = {}, list: readonly Verb[] = verbs) =>
  runVerb(words, {
    cwd: folder,
    env,
    verbs: list,
    input: `${operatorText}
`,
  });

/** An admin API that answers every call with `answer` and remembers what it was asked. */
async function api(status: number, answer: unknown) {
  const asked: { method?: string; url?: string; authorization?: string; body: string }[] = [];
  const server = createServer(async (request: IncomingMessage, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    const { method, url, headers } = request;
    asked.push({
      body,
      ...(method && { method }),
      ...(url && { url }),
      ...(headers.authorization && { authorization: headers.authorization }),
    });
    response
      .writeHead(status, { 'content-type': 'application/json' })
      .end(typeof answer === 'string' ? answer : JSON.stringify(answer));
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  closers.push(() => server.close());
  const address = server.address();
  return { asked, url: `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}` };
}

describe('the entry file stays light (section 2.5 of experience.md)', () => {
  test('its static imports are commander, Node and our own light files', () => {
    const seen = new Set<string>();
    const packages = new Set<string>();
    const open = [join(root, 'src/cli/main.ts')];
    for (let file = open.pop(); file !== undefined; file = open.pop()) {
      if (seen.has(file)) continue;
      seen.add(file);
      for (const [, type, name = ''] of readFileSync(file, 'utf8').matchAll(
        /^(?:import|export)( type)?\s[^;]*?from '([^']+)';/gms,
      )) {
        if (type !== undefined || name.startsWith('node:')) continue;
        if (name.startsWith('.')) open.push(resolve(dirname(file), name));
        else packages.add(name);
      }
    }
    expect([...packages]).toEqual(['commander']);
    expect(
      [...seen].filter(
        (file) => !/src\/(cli\/(verbs\/)?[a-z-]+|model\/(failure|locality|protocol|token-uses))\.ts$/.test(file),
      ),
    ).toEqual([]);
    expect(seen.size).toBeGreaterThan(8);
  });
});

describe('wrong lines end with 2 and help', () => {
  test.each([
    [['tokne'], 'unknown command "tokne"', 'did you mean "token"?'],
    [['token', 'lst'], 'unknown command "lst"', 'did you mean "list"?'],
    [['run', '--servce', 'a'], 'unknown option "--servce"', 'did you mean "--service"?'],
    [['token', 'list', '--qiet'], 'unknown option "--qiet"', 'did you mean "--quiet"?'],
    [['run'], '"--service NAME" is missing', 'weft run --help'],
    [['token'], '"weft token" needs a verb', 'weft token --help lists them'],
    [[], '"weft" needs a verb', 'weft --help lists them'],
    [
      ['token', 'list', '-o', 'file'],
      '"weft token list" does not print "file"',
      'use -o table, -o wide, -o json, -o yaml, -o name',
    ],
    [['token', 'create', '--service', 'a', '--ttl', 'soon'], '"soon" is not a duration', 'weft token create --help'],
    [
      ['up', '--port-base', '30000'],
      'from 1 to 26000: local ports start at PORT + 6000, and those from 32768',
      'weft up --help',
    ],
    [['up', join(import.meta.filename, 'mesh')], 'is no folder', 'name a folder of a git repository'],
    [['token', 'list', 'surplus'], 'too many arguments', 'weft token list --help'],
  ])('weft %j', async (words, message, hint) => {
    const { code, stdout, stderr } = await weft(words);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain('× WEFT0912');
    expect(stderr).toContain(message);
    expect(stderr).toContain(`fix    ${hint}`);
  });

  test('as JSON when JSON was asked for', async () => {
    const { code, stdout } = await weft(['token', 'lst', '-o', 'json']);
    expect(code).toBe(2);
    expect(JSON.parse(stdout)).toEqual({
      apiVersion: 'cli.weft.dev/v1',
      kind: 'Error',
      code: 'WEFT0912',
      message: 'unknown command "lst"',
      hint: 'did you mean "list"?',
    });
  });
});

test('help has a real example and ends with 0', async () => {
  const { code, stdout } = await weft(['token', 'create', '--help']);
  expect(code).toBe(0);
  expect(stdout).toContain('$ weft token create --service payments');
  expect((await weft(['proxies', '--help'])).stdout).toContain('WITHHELD, with a name, counts');
  expect((await weft(['--help'])).stdout).toContain('bootstrap');
  expect(await weft(['--version'])).toMatchObject({ code: 0, stdout: 'weft 0.1.0\n' });
});

test('every example parses, and every verb says what it prints', async () => {
  for (const verb of verbs) {
    const line = /\$\((.*)\)/.exec(verb.example)?.[1] ?? verb.example.replace(/ >.*$/, '');
    const words = line.split(' ').slice(1);
    let ran = false;
    const silent = {
      ...verb,
      run: async () => {
        ran = true;
        return undefined;
      },
    };
    expect(await weft(words, {}, [silent])).toMatchObject({ code: 0, stderr: '' });
    expect(ran).toBe(true);
    expect(verb.formats.length).toBeGreaterThan(0);
  }
});

test('a bug says that it is one, and shows its stack with -v alone', async () => {
  const broken = defineVerb({
    name: 'break',
    summary: 's',
    example: 'weft break',
    arguments: [],
    flags: { what: text({ placeholder: 'X', default: 'all', help: 'h' }), on: onOff({ help: 'h' }) },
    formats: ['table'],
    run: async ({ flags }) => {
      throw new TypeError(`no ${flags.what} ${flags.on}`);
    },
  });
  const quiet = await weft(['break'], {}, [broken]);
  expect(quiet).toMatchObject({ code: 2 });
  expect(quiet.stderr).toBe(
    '× WEFT0900 a bug in weft: no all false\n    fix    run it again with -v and report what it prints\n',
  );
  expect((await weft(['break', '-v', '--on'], {}, [broken])).stderr).toContain('    at ');
});

describe('text', () => {
  test('control characters, escape sequences and direction marks cannot reach a terminal (T27)', () => {
    expect(printable('a\u001b[2Jb\r\n\u202ec\u009b\td')).toBe('a\\u001b[2Jb\\u000d\\u000a\\u202ec\\u009b d');
    expect(printTable(['A', 'B'], [['é\n', 'x']])).toBe('A        B\né\\u000a  x\n');
  });
  test('YAML keeps the types of what it prints', () => {
    expect(yamlText({ kind: 'L', items: [{ a: 'yes', b: '1.0', c: [], d: { e: null } }, 'x: y'], count: 1 })).toBe(
      'kind: L\nitems:\n  - a: "yes"\n    b: "1.0"\n    c: []\n    d:\n      e: null\n  - "x: y"\ncount: 1\n',
    );
  });
  test('marks follow the locale', () => {
    expect(marks({ LANG: 'de_DE.UTF-8' }).good).toBe('√');
    expect(marks({ LC_ALL: 'C', LANG: 'de_DE.UTF-8' }).good).toBe('ok');
  });
});

describe('weft token', () => {
  const item = {
    id: '9f2',
    kind: 'credential',
    createdBy: 'operator',
    createdAt: '2026-11-22T09:00:00Z',
    revoked: false,
    identities: ['spiffe://corp.example/ns/shop/sa/payments'],
    expires: '2026-11-22T10:00:00Z',
  };

  async function operator(token: string, mode = 0o600): Promise<void> {
    await mkdir(join(folder, '.weft/state'), { recursive: true, mode: 0o700 });
    await writeFile(join(folder, '.weft/state/operator.token'), `${token}\n`, { mode });
  }

  test('create prints the secret alone and makes its file private', async () => {
    await operator(operatorText);
    const { asked, url } = await api(200, { ...item, kind: 'Token', token: '9f2.c2VjcmV0.abcd' });
    const words = [
      'token',
      'create',
      '--service',
      'payments',
      '-n',
      'shop',
      '--ttl',
      '2h',
      '--cidr',
      '10.1.0.0/16',
      '--port',
      '9080',
      '--label',
      'tier=payments',
      '--cp',
      url,
    ];
    const { code, stdout, stderr, isPrivate } = await weft(words);
    expect({ code, stdout, isPrivate }).toEqual({ code: 0, stdout: '9f2.c2VjcmV0.abcd\n', isPrivate: true });
    expect(stderr).not.toContain('c2VjcmV0');
    expect(asked).toMatchObject([{ method: 'POST', url: '/api/v1/tokens', authorization: operatorBearer }]);
    expect(JSON.parse(asked[0]?.body ?? '')).toEqual({
      uses: 1,
      services: ['payments'],
      namespace: 'shop',
      ttlSeconds: 7_200,
      cidrs: ['10.1.0.0/16'],
      ports: [9080],
      labels: { tier: 'payments' },
    });
  });

  test('a token for several services names them all, and shows how one joins', async () => {
    await operator(operatorText);
    const identities = ['payments', 'refunds'].map((service) => `spiffe://corp.example/ns/shop/sa/${service}`);
    const { asked, url } = await api(200, { ...item, identities, kind: 'Token', token: '9f2.c2VjcmV0.abcd' });
    const services = ['--service', 'payments', '--service', 'refunds'];
    const { code, stderr } = await weft(['token', 'create', ...services, '-n', 'shop', '--cp', url]);
    expect([code, JSON.parse(asked[0]?.body ?? '').services]).toEqual([0, ['payments', 'refunds']]);
    expect(stderr).toContain(`token 9f2 for ${identities.join(' or ')}, one use`);
    expect(stderr).toMatch(/join with it as one of payments, refunds: weft run .* --service payments --port PORT/);
    const none = await weft(['token', 'create', '-n', 'shop', '--cp', url]);
    expect([none.code, none.stderr]).toEqual([2, expect.stringContaining('"--service NAME" is missing')]);
  });

  test('list prints a table, or the envelope', async () => {
    const { url } = await api(200, { items: [item] });
    const table = await weft(['token', 'list'], { WEFT_CP: url });
    expect(
      table.stdout
        .split('\n')
        .map((line) => line.split(/ {2,}/))
        .slice(0, 2),
    ).toEqual([
      ['ID', 'KIND', 'FOR', 'USES', 'EXPIRES'],
      ['9f2', 'credential', item.identities[0], '-', item.expires],
    ]);
    const json = await weft(['token', 'list', '-o', 'json'], { WEFT_CP: url });
    expect(JSON.parse(json.stdout)).toEqual({
      apiVersion: 'cli.weft.dev/v1',
      kind: 'TokenList',
      items: [item],
    });
    expect((await weft(['token', 'list', '-o', 'name'], { WEFT_CP: url })).stdout).toBe('9f2\n');
  });

  test('revoke takes several', async () => {
    const { asked, url } = await api(200, {});
    expect(await weft(['token', 'revoke', '9f2', 'a/b', '--token-file', '-'], { WEFT_CP: url })).toMatchObject({
      code: 0,
    });
    expect(asked.map(({ method, url: path, authorization }) => [method, path, authorization])).toEqual([
      ['DELETE', '/api/v1/tokens/9f2', operatorBearer],
      ['DELETE', '/api/v1/tokens/a%2Fb', operatorBearer],
    ]);
  });

  test.each<[string, () => Promise<NodeJS.ProcessEnv>, readonly string[], string]>([
    [
      'nobody there',
      async () => ({ WEFT_CP: 'http://127.0.0.1:15999' }),
      [],
      'WEFT0901 the control plane at 127.0.0.1:15999 cannot be reached: nothing listens there',
    ],
    [
      'not permitted',
      async () => ({ WEFT_CP: (await api(403, {})).url }),
      [],
      'WEFT0902 the control plane wants a credential',
    ],
    [
      "the server's own words",
      async () => ({ WEFT_CP: (await api(404, { code: 'WEFT0203', message: 'no token 9f2', hint: 'h' })).url }),
      [],
      'WEFT0203 no token 9f2',
    ],
    ['not our API', async () => ({ WEFT_CP: (await api(200, '<html>')).url }), [], 'WEFT0901'],
    [
      'a credential in plaintext to elsewhere',
      async () => ({}),
      ['--cp', 'http://cp.example:15014'],
      'WEFT0912 --cp "http://cp.example:15014" is plain http to another machine',
    ],
    ['no address', async () => ({}), ['--cp', 'http://:::'], 'WEFT0912 --cp "http://:::" is not an address'],
    [
      'a credential that others can read',
      async () => {
        await operator(operatorText, 0o644);
        return {};
      },
      [],
      'is open to other users (mode 644)',
    ],
    ['no such file', async () => ({ WEFT_TOKEN_FILE: 'nope' }), [], 'nope" does not exist'],
    [
      'weft.yaml that is no YAML',
      async () => {
        await writeFile(join(folder, 'weft.yaml'), 'admin: [\n');
        return {};
      },
      [],
      'WEFT0907',
    ],
  ])('a refusal: %s', async (_name, prepare, more, words) => {
    const { code, stderr } = await weft(['token', 'list', ...more], await prepare());
    expect(stderr).toContain(words);
    expect(stderr).toMatch(/\n {4}fix {4}\S/);
    expect(code).toBe(2);
  });

  test('weft.yaml of a folder above names the control plane', async () => {
    const { url } = await api(200, { items: [] });
    await writeFile(join(folder, 'weft.yaml'), `admin: { port: ${new URL(url).port} }\n`);
    const inner = join(folder, 'a/b');
    await mkdir(inner, { recursive: true });
    const outer = folder;
    folder = inner;
    try {
      expect(await weft(['token', 'list'])).toMatchObject({ code: 0 });
    } finally {
      folder = outer;
    }
  });
});
void execFile;
void promisify;
void statSync;
