import { afterEach, expect, test, vi } from 'vitest';
import {
  clusterType,
  createLayer,
  createResource,
  createXdsServer,
  type OpenAnswer,
  type Session,
  status,
} from '../../src/xds/library.ts';
import { connectRawClient } from '../support/raw-xds-client.ts';

const closing: (() => unknown)[] = [];
afterEach(() => Promise.all(closing.splice(0).map((close) => close())));

const cluster = (name: string) => createResource({ typeUrl: clusterType, name, value: Buffer.from(name) });
const ownSession: Session = {
  snapshot: () => ({ generation: 1, commit: '', layers: [createLayer([cluster('own')])] }),
  watch: () => () => {},
  close: () => {},
};

/** A server that knows its clients by a credential, which is the id of their node. */
async function start(open: (who: string, node: string) => OpenAnswer | Promise<OpenAnswer>) {
  const server = await createXdsServer<string>({
    address: '127.0.0.1',
    port: 0,
    credentials: 'plaintext',
    quiet: { quiet: 0 },
    authenticate: ({ headers }) => ({ ok: headers.get('authorization')?.[0] ?? '' }),
    open: ({ principal, node }) => open(principal, node.id),
  });
  const client = connectRawClient(server.port);
  closing.push(client.close, server.close);
  const ask = (who: string, id = who) => {
    const stream = client.delta({ authorization: who });
    stream.send({ node: { id }, typeUrl: clusterType });
    return stream;
  };
  return { server, ask };
}

const names = async (stream: ReturnType<Awaited<ReturnType<typeof start>>['ask']>) => {
  const response = await stream.next();
  stream.send({ typeUrl: clusterType, responseNonce: response.nonce });
  return response.resources.map(({ name }) => name);
};

const forbidden = { refused: { code: status.PERMISSION_DENIED, message: 'that is another node' } };

test.each(['at once', 'later'])('X8 a check of one’s own, and the snapshots of set and update: %s', async (when) => {
  const judge = (who: string, node: string): OpenAnswer => (who === node ? { ok: 'snapshots' } : forbidden);
  const { server, ask } = await start(when === 'later' ? async (...asked) => judge(...asked) : judge);
  const early = ask('a');
  expect((await early.closed).code).toBe(status.UNAVAILABLE);
  server.set([cluster('shared')]);
  server.set([cluster('of a')], 'a');
  const [a, b, liar] = [ask('a'), ask('b'), ask('b', 'a')];
  expect(await names(a)).toEqual(['of a']);
  expect(await names(b)).toEqual(['shared']);
  expect(await liar.closed).toEqual({ code: status.PERMISSION_DENIED, details: 'that is another node' });
  server.update({ set: [cluster('more')] });
  expect(await names(b)).toEqual(['more']);
  await a.silence();
  server.clear('a');
  expect(await names(a)).toEqual(expect.arrayContaining(['shared', 'more']));
});

test('one node is served a session, another the snapshots; what set says of the first is told to reach nobody, once', async () => {
  const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
  closing.push(() => warn.mockRestore());
  const { server, ask } = await start((who) => ({ ok: who === 'own' ? ownSession : 'snapshots' }));
  expect(await names(ask('own'))).toEqual(['own']);
  expect(warn).not.toHaveBeenCalled();
  server.set([cluster('shared')]);
  expect(await names(ask('other'))).toEqual(['shared']);
  expect(warn).not.toHaveBeenCalled();
  expect(await names(ask('own'))).toEqual(['own']);
  expect(await names(ask('own'))).toEqual(['own']);
  expect(warn.mock.calls).toEqual([
    [
      'what set says does not reach node "own": open answered with a session of its own',
      {
        code: 'WEFT_XDS_SET_BESIDE_OPEN',
        detail: "open answers { ok: 'snapshots' } for nodes that are to be served what set and update say",
      },
    ],
  ]);
});

test('an open that answers with another word lets nobody in', async () => {
  const { ask } = await start(() => ({ ok: 'snapshot' }) as unknown as OpenAnswer);
  expect((await ask('a').closed).code).toBe(status.INTERNAL);
});

test('who is told that a stream has opened may close it: nothing of its session is left', async () => {
  const watching = new Set<() => void>();
  let closed = 0;
  const session: Session = {
    ...ownSession,
    watch: (wake) => {
      watching.add(wake);
      return () => watching.delete(wake);
    },
    close: () => {
      closed += 1;
    },
  };
  const server = await createXdsServer({
    address: '127.0.0.1',
    port: 0,
    credentials: 'plaintext',
    open: () => ({ ok: session }),
    observe: (event) => {
      if (event.kind === 'opened')
        server.closeStreams(({ node }) => node.id === 'a', status.PERMISSION_DENIED, 'not you');
    },
  });
  const client = connectRawClient(server.port);
  closing.push(client.close, server.close);
  const stream = client.delta();
  stream.send({ node: { id: 'a' }, typeUrl: clusterType });
  expect(await stream.closed).toEqual({ code: status.PERMISSION_DENIED, details: 'not you' });
  expect([closed, watching.size, server.status()]).toEqual([1, 0, []]);
});
