import { afterEach, expect, test } from 'vitest';
import {
  clusterType,
  createLayer,
  createResource,
  createXdsServer,
  type OpenAnswer,
  type Resource,
  routeType,
} from '../../src/xds/library.ts';
import { connectRawClient } from '../support/raw-xds-client.ts';

const closing: (() => unknown)[] = [];
afterEach(() => Promise.all(closing.splice(0).map((close) => close())));

const make = (typeUrl: string, name: string, text: string) =>
  createResource({ typeUrl, name, value: Buffer.from(text) });

async function start(open: (view: string) => OpenAnswer, perNode = 4) {
  const server = await createXdsServer<string>({
    address: '127.0.0.1',
    port: 0,
    credentials: 'plaintext',
    quiet: { quiet: 0 },
    connection: { perNode },
    authenticate: ({ headers }) => ({ ok: headers.get('x-view')?.[0] ?? '' }),
    open: ({ principal }) => open(principal),
  });
  closing.push(server.close);
  /** A connection of its own for each. */
  const connect = (view = '') => {
    const client = connectRawClient(server.port);
    closing.push(client.close);
    return client.delta({ 'x-view': view });
  };
  return { server, connect };
}

test('X12 a node that takes the only place of its older connection still hears what is set for it', async () => {
  const { server, connect } = await start(() => ({ ok: 'snapshots' }), 1);
  server.set([make(clusterType, 'shared', '1')]);
  for (let count = 0; count < 2; count += 1) {
    const stream = connect();
    stream.send({ node: { id: 'n' }, typeUrl: clusterType });
    const first = await stream.next();
    stream.send({ typeUrl: clusterType, responseNonce: first.nonce });
    if (count === 0) continue;
    server.set([make(clusterType, 'shared', '1'), make(clusterType, 'own', '1')], 'n');
    expect((await stream.next()).resources.map(({ name }) => name)).toEqual(['own']);
  }
});

test('X38 X93 of two views of one node each falls back to its own form, and to none of the other', async () => {
  const views = new Map<string, { resources: readonly Resource[]; told: Set<() => void> }>();
  const viewOf = (name: string) => {
    const view = views.get(name) ?? { resources: [], told: new Set() };
    views.set(name, view);
    return view;
  };
  const { server, connect } = await start((name) => {
    const view = viewOf(name);
    let layer = createLayer([...view.resources]);
    return {
      ok: {
        snapshot: () => {
          layer = createLayer([...view.resources], layer);
          return { generation: 1, commit: '', layers: [layer] };
        },
        watch: (onChange) => {
          view.told.add(onChange);
          return () => view.told.delete(onChange);
        },
        close: () => {},
      },
    };
  });
  const set = (name: string, text: string) => {
    const view = viewOf(name);
    view.resources = [make(routeType, 'r', text)];
    for (const onChange of view.told) onChange();
  };
  const ask = (name: string) => {
    const stream = connect(name);
    stream.send({ node: { id: 'n' }, typeUrl: routeType, resourceNamesSubscribe: ['r'] });
    return stream;
  };
  const text = async (stream: ReturnType<typeof ask>, error?: string) => {
    const { nonce, resources, removedResources } = await stream.next();
    const errorDetail = error === undefined ? {} : { errorDetail: { code: 13, message: error } };
    stream.send({ typeUrl: routeType, responseNonce: nonce, ...errorDetail });
    return [...resources.map(({ resource }) => Buffer.from(resource?.value ?? []).toString()), ...removedResources];
  };
  set('a', 'a1');
  set('b', 'b1');
  const a = ask('a');
  expect(await text(a)).toEqual(['a1']);
  set('a', 'a2');
  expect(await text(a, 'no')).toEqual(['a2']);
  await expect.poll(() => server.quarantine().length).toBe(1);
  const b = ask('b');
  expect(await text(b, 'no')).toEqual(['b1']);
  await b.silence();
  const again = ask('b');
  expect(await text(again)).toEqual(['r']);
  await again.silence();
});
