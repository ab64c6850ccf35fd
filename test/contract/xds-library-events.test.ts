import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, test, vi } from 'vitest';
import {
  clusterType,
  createResource,
  createXdsServer,
  type OpenAnswer,
  type StreamEvent,
  status,
  type XdsServerOptions,
} from '../../src/xds/library.ts';
import { eventually } from '../conformance/xds-fixture.ts';
import { connectRawClient } from '../support/raw-xds-client.ts';

const closing: (() => unknown)[] = [];
afterEach(() => Promise.all(closing.splice(0).map((close) => close())));

const cluster = (name: string) => createResource({ typeUrl: clusterType, name, value: Buffer.from(name) });

async function start(options: Partial<XdsServerOptions<unknown>> = {}) {
  const events: StreamEvent<unknown>[] = [];
  const server = await createXdsServer<unknown>({
    address: '127.0.0.1',
    port: 0,
    credentials: 'plaintext',
    quiet: { quiet: 0 },
    observe: (event) => events.push(event),
    ...options,
  });
  const client = connectRawClient(server.port);
  closing.push(client.close, server.close);
  const ask = (id: string, metadata: Record<string, string> = {}) => {
    const stream = client.delta();
    stream.send({ node: { id, metadata }, typeUrl: clusterType });
    return stream;
  };
  const refused = async (stream: ReturnType<typeof ask>) => {
    const { code, details } = await stream.closed;
    const told = events.findLast((event) => event.kind === 'refused');
    expect(told).toMatchObject({ code, message: details, peer: expect.stringMatching(/^127\.0\.0\.1:\d+$/) });
    return { node: told?.node, code, details };
  };
  return { server, events, ask, refused };
}

test('X9 before anything is set the server is starting; later a node for which nothing is set is told so', async () => {
  const { server, ask, refused } = await start();
  const { UNAVAILABLE: code } = status;
  const starting = { node: 'a', code, details: 'no configuration yet: the server is starting' };
  expect(await refused(ask('a'))).toEqual(starting);
  server.set([cluster('of b')], 'b');
  expect(await refused(ask('a'))).toEqual({
    node: 'a',
    code,
    details:
      'no configuration for node "a": others have theirs; set(resources, "a") of the server gives it one, set(resources) all',
  });
  expect((await ask('b').next()).resources).toHaveLength(1);
  server.clear('b');
  expect(await refused(ask('a'))).toEqual(starting);
  server.set([cluster('shared')]);
  expect((await ask('a').next()).resources).toHaveLength(1);
});

test('a session of one’s own that has nothing yet is a server that is starting', async () => {
  const session = { snapshot: () => undefined, watch: () => () => {}, close: () => {} };
  const { server, ask, refused } = await start({ open: () => ({ ok: session }) });
  server.set([cluster('of b')], 'b');
  expect((await refused(ask('a'))).details).toBe('no configuration yet: the server is starting');
});

test('`refused` says which node it was, as soon as that is known', async () => {
  const no = { refused: { code: status.PERMISSION_DENIED, message: 'not you' } };
  const { ask, refused } = await start({ open: () => no, limits: { metadataKeys: 1, nodeId: 8 } });
  expect(await refused(ask('mallory'))).toMatchObject({ node: 'mallory', details: 'not you' });
  expect(await refused(ask('a', { one: '1', two: '2' }))).toEqual({
    node: 'a',
    code: status.RESOURCE_EXHAUSTED,
    details: 'node.metadata has more than 1 keys',
  });
  expect((await refused(ask('n'.repeat(9)))).node).toBeUndefined();
  expect((await refused(ask(''))).node).toBeUndefined();
});

test('a stream that breaks a rule later is refused with its node', async () => {
  const { server, ask, refused } = await start({ limits: { types: 1 } });
  server.set([cluster('a')]);
  const stream = ask('many');
  await stream.next();
  stream.send({ typeUrl: 'type.googleapis.com/another' });
  expect(await refused(stream)).toMatchObject({ node: 'many', code: status.RESOURCE_EXHAUSTED });
});

test.each([
  [
    'throws',
    () => {
      throw new Error('the observer is broken');
    },
  ],
  ['answers with a promise that is rejected', () => Promise.reject(new Error('the observer is broken'))],
])('an observer that %s ends no stream: the process is warned, and the next event is told', async (_how, fail) => {
  const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
  closing.push(() => warn.mockRestore());
  const kinds: string[] = [];
  const { server, ask } = await start({
    observe: (event) => {
      kinds.push(event.kind);
      return fail();
    },
  });
  server.set([cluster('a')]);
  const stream = ask('n');
  const { nonce } = await stream.next();
  stream.send({ typeUrl: clusterType, responseNonce: nonce });
  await eventually(() => kinds.includes('acked'), 'it is told of the ACK');
  expect(kinds).toEqual(['opened', 'sent', 'acked']);
  await eventually(() => warn.mock.calls.length === 3, 'each failure is a warning');
  expect(warn.mock.calls.map(([error]) => String(error))).toEqual(Array(3).fill('Error: the observer is broken'));
  expect(server.status()).toHaveLength(1);
  // What it is told of the end fails as well.
  await server.close();
});

test('every kind of event has the fields that the page names, and no other', async () => {
  const page = readFileSync(new URL('../../docs/xds-library.md', import.meta.url), 'utf8');
  const [, after = ''] = page.split('## What happens');
  const [section = ''] = after.split('\n## ');
  const rows = Array.from(section.matchAll(/^\| `(\w+)` \| (`.*?`) \|/gm), ([, kind = '', fields = '']) => {
    const names = ['kind', ...fields.slice(1, -1).split('`, `')];
    return [kind, names.sort()] as const;
  });
  expect(rows).toHaveLength(8);
  const no = { refused: { code: status.PERMISSION_DENIED, message: 'not you' } };
  const { server, events, ask, refused } = await start({
    open: ({ node }) => (node.id === 'mallory' ? no : { ok: 'snapshots' }),
    inspect: () => {
      throw new Error('the look is broken');
    },
    timing: { unanswered: 20 },
  });
  server.set([cluster('a')]);
  await refused(ask('mallory'));
  // Nobody answers this one.
  await ask('hangs').next();
  const [accepts, refuses] = [ask('n'), ask('o')];
  accepts.send({ typeUrl: clusterType, responseNonce: (await accepts.next()).nonce });
  const { nonce } = await refuses.next();
  refuses.send({ typeUrl: clusterType, responseNonce: nonce, errorDetail: { code: 13, message: 'no' } });
  accepts.halfClose();
  const told = () => new Map(events.map((event) => [String(event.kind), Object.keys(event).sort()]));
  await eventually(() => told().size === rows.length, 'all has happened');
  expect(told()).toEqual(new Map(rows));
});

/** A promise of another making: a query builder's, for example. */
const later = <Answer>(answer: Answer) =>
  Object.assign(Object.create(null), {
    // biome-ignore lint/suspicious/noThenProperty: that is what is tried.
    then: (resolve: (value: Answer) => void) => setImmediate(() => resolve(answer)),
  });

test.each(['authenticate', 'open'])('%s may answer with anything that `await` waits for', async (name) => {
  const yes = { authenticate: () => ({ ok: 'p' }), open: () => ({ ok: 'snapshots' as const }) };
  const answered = name === 'open' ? { ok: 'snapshots' } : { ok: 'p' };
  const { server, events, ask } = await start({ ...yes, [name]: () => later(answered) });
  server.set([cluster('a')]);
  expect((await ask('n').next()).resources).toHaveLength(1);
  expect(events.find(({ kind }) => kind === 'opened')).toMatchObject({ principal: 'p' });
  const refusing = await start({
    ...yes,
    [name]: () => later({ refused: { code: status.UNAUTHENTICATED, message: 'who are you?' } }),
  });
  expect((await refusing.ask('n').closed).details).toBe('who are you?');
  const strange = await start({ ...yes, [name]: () => later({ okay: true }) });
  expect((await strange.ask('n').closed).code).toBe(status.INTERNAL);
  const failure = strange.events.find((event) => event.kind === 'failed');
  expect(String(failure?.error)).toMatch(new RegExp(`^TypeError: ${name} must answer .* got an object with okay$`));
});

describe.each(['http2', 'grpc-js'] as const)('on %s', (transport) => {
  test.each([
    ['authenticate', undefined],
    ['open', 'slow'],
  ])('%s that never answers ends its stream in time, and is told as failed', async (name, node) => {
    let answer = (_late: unknown) => {};
    const never = new Promise<unknown>((resolve) => {
      answer = resolve;
    });
    let asked = 0;
    const { events, ask, server } = await start({
      transport,
      authenticate: () => ({ ok: 'p' }),
      open: () => ({ ok: 'snapshots' as const }),
      [name]: () => {
        asked += 1;
        return asked > 1 ? never : { ok: name === 'open' ? 'snapshots' : 'p' };
      },
      connection: { firstRequest: 250 },
    });
    server.set([cluster('a')]);
    // The first keeps the connection from being closed as one of nobody.
    await ask('first').next();
    const message = `${name} has not answered for 250 ms`;
    expect(await ask('slow').closed).toEqual({ code: status.DEADLINE_EXCEEDED, details: message });
    const told = () => events.filter(({ kind }) => kind === 'failed' || kind === 'refused');
    expect(told()).toEqual([
      { kind: 'failed', peer: expect.stringMatching(/^127\.0\.0\.1:\d+$/), node, error: new Error(message) },
    ]);
    answer({ refused: { code: status.PERMISSION_DENIED, message: 'too late' } });
    await new Promise(setImmediate);
    expect(told()).toHaveLength(1);
  });

  test('a session of one’s own that comes too late is closed', async () => {
    let answer = (_late: OpenAnswer) => {};
    let isClosed = false;
    const { ask } = await start({
      transport,
      open: () =>
        new Promise<OpenAnswer>((resolve) => {
          answer = resolve;
        }),
      connection: { firstRequest: 100 },
    });
    await ask('slow').closed;
    const close = () => {
      isClosed = true;
    };
    answer({ ok: { snapshot: () => undefined, watch: () => () => {}, close } });
    await eventually(() => isClosed, 'nobody needs it');
  });

  test('`failed` says which node it was, as soon as that is known', async () => {
    const broken = () => {
      throw new Error('the database is down');
    };
    const { events, ask } = await start({ transport, open: broken });
    expect((await ask('a').closed).code).toBe(status.INTERNAL);
    const unknown = await start({ transport, authenticate: broken, open: () => ({ ok: 'snapshots' }) });
    expect((await unknown.ask('a').closed).code).toBe(status.INTERNAL);
    expect([events, unknown.events].map(([told]) => told)).toEqual(
      ['a', undefined].map((node) => expect.objectContaining({ kind: 'failed', node })),
    );
  });
});
