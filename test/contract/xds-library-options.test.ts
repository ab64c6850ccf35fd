import { afterAll, expect, test } from 'vitest';
import * as library from '../../src/xds/library.ts';
import { connectRawClient } from '../support/raw-xds-client.ts';
import { call, refusal } from './untyped-library.ts';

const base = { address: '127.0.0.1', port: 0, credentials: 'plaintext' } as const;
const closing: (() => Promise<void>)[] = [];
afterAll(() => Promise.all(closing.map((close) => close())));
async function start(options: Partial<library.XdsServerOptions<unknown>> = {}) {
  const server = await library.createXdsServer<unknown>({ ...base, ...options });
  closing.push(server.close);
  return server;
}

test('options of a class of one’s own may hold more, and a name without a value keeps its default', async () => {
  class Source {
    readonly #nothing = () => {};
    readonly filesReadSoFar = 0;
    get() {
      return { certificateChain: '', privateKey: '' };
    }
    watch() {
      return this.#nothing;
    }
  }
  const words = await refusal(() => call('createXdsServer', { ...base, credentials: new Source(), nonsense: 1 }));
  expect(words).toMatch(/^TypeError: createXdsServer: unknown name "nonsense": there are [^;]*$/);
  const connection = { maxAge: undefined } as unknown as Partial<library.ConnectionSettings>;
  const server = await start({ connection });
  expect(server.port).toBeGreaterThan(0);
});

const value = new Uint8Array([10, 1, 97]);
const fields = { typeUrl: library.clusterType, name: 'a', value };
const resource = library.createResource(fields);

test.each([
  [{ ...fields, typeURL: 'x' }, 'unknown name "typeURL": did you mean "typeUrl"?'],
  [{ ...fields, refs: [] }, 'unknown name "refs": there are name, typeUrl, value, references, edsName, aliases, ttl'],
  [{ ...fields, name: '' }, '"name" must be a text that is not empty, got ""'],
  [{ ...fields, value: 'a' }, '"value" must be bytes (a Uint8Array), got "a"'],
  [{ ...fields, typeUrl: 'CDS' }, '"typeUrl" must be a type URL, "type.googleapis.com/…", got "CDS"'],
  [{ ...fields, references: ['b'] }, '"references[0]" must be an object with typeUrl and name, got "b"'],
  [{ ...fields, ttl: 0 }, '"ttl" must be a number of milliseconds above 0, got 0'],
  [{ typeUrl: library.clusterType, value }, '"name" is missing: a text that is not empty'],
])('createResource(%j)', async (given, words) => {
  expect(await refusal(() => call('createResource', given))).toBe(`TypeError: createResource: ${words}`);
});

test('a whole resource may stand where its type and name are asked for, and another be made of it', () => {
  const other = library.createResource({ ...resource, name: 'b' });
  expect([other.name, other.version, other.digest]).toEqual(['b', resource.version, expect.any(Array)]);
  expect(other.digest).not.toEqual(resource.digest);
  expect(library.createResource({ ...fields, references: [resource] }).references).toEqual([resource]);
  const layer = library.createLayer([resource]);
  expect(library.updateLayer(layer, { remove: [resource] }).types.size).toBe(0);
});

test('resourceOf: misspelt options', async () => {
  const json = { '@type': 'type.googleapis.com/envoy.config.cluster.v3.Cluster', name: 'a' };
  const said = (options: unknown) => refusal(() => call('resourceOf', json, options));
  expect(await said({ alias: ['b'] })).toBe(
    'TypeError: resourceOf: unknown name "options.alias": did you mean "aliases"?',
  );
  expect(await said(0)).toBe('TypeError: resourceOf: "options" must be an object, got 0');
});

test('set, update, clear, release and closeStreams', async () => {
  const server = await start();
  const bare = server as unknown as Readonly<Record<string, (...given: readonly unknown[]) => unknown>>;
  const said = (name: string, ...given: readonly unknown[]) => refusal(() => bare[name]?.(...given));
  expect(await said('set', resource)).toMatch(
    /^TypeError: resources must be an array or another iterable of resources, got an object with name, typeUrl/,
  );
  expect(await said('set', [resource, { '@type': 'x', name: 'a' }])).toBe(
    'TypeError: an object with @type, name is no resource: resourceOf makes one of JSON, createResource of bytes',
  );
  expect(await said('set', [resource], { node: 'a' })).toBe(
    'TypeError: set: "node" must be a text that is not empty, got an object with node',
  );
  server.set([resource]);
  expect(await said('update', { add: [resource] })).toBe(
    'TypeError: update: unknown name "add": there are set, remove',
  );
  expect(await said('update', { set: resource })).toMatch(/^TypeError: update: "set" must be an array, got an object/);
  expect(await said('update', [resource])).toBe('TypeError: update: change must be an object, got an array of 1');
  expect(await said('update', { remove: ['a'] })).toBe(
    'TypeError: update: "remove[0]" must be an object with typeUrl and name, got "a"',
  );
  expect(await said('update', { set: ['a'] })).toMatch(/^TypeError: "a" is no resource/);
  expect(await said('clear')).toBe('TypeError: clear: "node" must be a text that is not empty, got undefined');
  expect(await said('release', 'a')).toBe('TypeError: release: "which" must be a function, got "a"');
  expect(await said('closeStreams', 'a')).toBe('TypeError: closeStreams: "which" must be a function, got "a"');
  const all = () => true;
  for (const code of ['UNAVAILABLE', 0, 99, undefined])
    expect(await said('closeStreams', all, code, 'go')).toMatch(
      /^TypeError: closeStreams: "code" must be a status code of gRPC from 1 to 16, got /,
    );
  expect(await said('closeStreams', all, 14)).toBe('TypeError: closeStreams: "message" must be a text, got undefined');
});

test('a scope in the place of the layer before, and something else in that of the scope', async () => {
  expect(await refusal(() => call('createLayer', [resource], 'everybody'))).toBe(
    'TypeError: the layer before must be one that createLayer made, got "everybody"',
  );
  expect(await refusal(() => call('createLayer', [resource], undefined, 5))).toBe(
    'TypeError: createLayer: "scope" must be a text, got 5',
  );
});

/** How a stream ends, and what `failed` says, where callbacks answer so. */
async function ending(options: Readonly<Record<string, unknown>>) {
  const failures: string[] = [];
  const server = await start({
    open: () => ({ ok: 'snapshots' }),
    ...options,
    observe: (event) => event.kind === 'failed' && failures.push(String(event.error)),
  });
  const client = connectRawClient(server.port);
  const stream = client.delta();
  stream.send({ node: { id: 'n' }, typeUrl: library.clusterType });
  const { code } = await stream.closed;
  client.close();
  return { code, failures };
}

test.each([
  ['authenticate', undefined, 'got undefined'],
  ['authenticate', true, 'got true'],
  ['authenticate', Promise.resolve({ okay: 1 }), 'got an object with okay'],
  ['authenticate', { ok: 1, refused: undefined }, 'got an object with ok, refused'],
])('%s that answers neither yes nor no lets nobody in: %j', async (name, answer, words) => {
  expect(await ending({ [name]: () => answer })).toEqual({
    code: library.status.INTERNAL,
    failures: [`TypeError: ${name} must answer { ok } or { refused: { code, message } }, ${words}`],
  });
});

test.each([
  ['open', 'no', '"refused" must be an object with code and message, got "no"'],
  [
    'open',
    { code: 0, message: 'OK is no refusal' },
    '"refused.code" must be a status code of gRPC from 1 to 16, got 0',
  ],
  [
    'authenticate',
    { code: 17, message: 'there is none' },
    '"refused.code" must be a status code of gRPC from 1 to 16, got 17',
  ],
  [
    'authenticate',
    { code: '7', message: 'a text' },
    '"refused.code" must be a status code of gRPC from 1 to 16, got "7"',
  ],
  ['open', { code: 7 }, '"refused.message" is missing: a text'],
  ['open', { status: 7, message: 'no' }, '"refused.code" is missing: a status code of gRPC from 1 to 16'],
])('%s that refuses as one cannot: %j', async (name, refused, words) => {
  expect(await ending({ [name]: () => ({ refused }) })).toEqual({
    code: library.status.INTERNAL,
    failures: [`TypeError: the answer of ${name}: ${words}`],
  });
});

test('open that answers with half a session', async () => {
  const answer = { ok: { snapshot: () => undefined, watch: () => () => {} } };
  expect(await ending({ open: () => answer })).toEqual({
    code: library.status.INTERNAL,
    failures: ['TypeError: the answer of open: "ok.close" is missing: a function'],
  });
});

test('numbers that are large, or none where none has a meaning', async () => {
  const most = Number.POSITIVE_INFINITY;
  const server = await start({
    timing: { hold: 0, grace: 0 },
    quiet: { quiet: 0, longest: 0, endpointsQuiet: 0, endpointsLongest: 0 },
    admission: { perSecond: 0.5, burst: most, atOnce: most, longestWait: 0 },
    connection: { perNode: most, unauthenticatedPerAddress: most, maxAgeGrace: 0 },
    limits: { names: most, types: most, nameBytes: most, nodeBytes: most, metadataBytes: 0, metadataKeys: 0 },
  });
  server.set([resource]);
  const client = connectRawClient(server.port);
  const stream = client.delta();
  stream.send({ node: { id: 'n', metadata: {} }, typeUrl: library.clusterType });
  expect((await stream.next()).resources).toHaveLength(1);
  client.close();
});

test('after close set, update and clear say that nobody is served any more', async () => {
  const server = await start();
  server.set([resource]);
  server.set([resource], 'n');
  await server.close();
  const words = (what: string) => `Error: ${what}: the server is closed, and serves nobody any more`;
  expect(await refusal(() => server.set([resource]))).toBe(words('set'));
  expect(await refusal(() => server.set([], 'n'))).toBe(words('set'));
  expect(await refusal(() => server.update({ set: [resource] }))).toBe(words('update'));
  expect(await refusal(() => server.clear('n'))).toBe(words('clear'));
  expect([server.status(), server.closeStreams(() => true, 14, ''), server.release(() => true)]).toEqual([[], 0, 0]);
  await server.close();
});
