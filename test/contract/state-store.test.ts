import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import type { StateStore } from '../../src/model/state-store.ts';
import { openFileStore } from '../../src/store/file-store.ts';
import { memoryStore } from '../support/memory-store.ts';

const folders: string[] = [];
afterEach(async () => {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true, force: true });
});

async function newFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'weft-contract-'));
  folders.push(folder);
  return folder;
}

/** A new, empty store, and the same one as after a restart. */
type Opened = { readonly store: StateStore; readonly again: () => StateStore };

const implementations: Readonly<Record<string, () => Promise<Opened>>> = {
  async files() {
    const folder = join(await newFolder(), 'state');
    return { store: openFileStore(folder), again: () => openFileStore(folder) };
  },
  async memory() {
    const content = new Map<string, Uint8Array>();
    return { store: memoryStore(content), again: () => memoryStore(content) };
  },
};

const bytes = (text: string) => new TextEncoder().encode(text);

describe.each(Object.entries(implementations))('a state store in %s', (_name, open) => {
  test('is empty at first', async () => {
    const { store } = await open();
    expect(await store.list('')).toEqual([]);
    expect(await store.read('ca/root.key')).toBeUndefined();
  });

  test('gives back what was written, the newest value, after a restart too', async () => {
    const { store, again } = await open();
    await store.write('ca/root.key', bytes('old'));
    await store.write('ca/root.key', bytes('new'));
    await store.write('empty', new Uint8Array());
    for (const each of [store, again()]) {
      expect(await each.read('ca/root.key')).toEqual(bytes('new'));
      expect(await each.read('empty')).toEqual(new Uint8Array());
    }
  });

  test('keeps every byte', async () => {
    const { store, again } = await open();
    const all = Uint8Array.from({ length: 70_000 }, (_, index) => index & 255);
    await store.write('all', all);
    expect(Buffer.compare((await again().read('all')) ?? new Uint8Array(), all)).toBe(0);
  });

  test('is not changed by whoever changes the bytes that were given or got', async () => {
    const { store } = await open();
    const given = bytes('value');
    const written = store.write('key', given);
    given.fill(0);
    await written;
    const got = await store.read('key');
    got?.fill(0);
    expect(await store.read('key')).toEqual(bytes('value'));
  });

  test('lists keys below a prefix, sorted by their text', async () => {
    const { store } = await open();
    for (const key of ['b', 'tokens/b', 'ca/root.key', 'tokens/a', 'tokens/Z', 'tokens-old'])
      await store.write(key, bytes(key));
    expect(await store.list('tokens/')).toEqual(['tokens/Z', 'tokens/a', 'tokens/b']);
    expect(await store.list('tokens')).toEqual(['tokens-old', 'tokens/Z', 'tokens/a', 'tokens/b']);
    expect(await store.list('')).toEqual(['b', 'ca/root.key', 'tokens-old', 'tokens/Z', 'tokens/a', 'tokens/b']);
    expect(await store.list('none/')).toEqual([]);
  });

  test('forgets what was deleted, and takes a delete of nothing', async () => {
    const { store, again } = await open();
    await store.write('tokens/a', bytes('1'));
    await store.write('tokens/b', bytes('2'));
    await store.delete('tokens/a');
    await store.delete('tokens/a');
    await store.delete('never/was');
    expect(await store.read('tokens/a')).toBeUndefined();
    expect(await again().list('')).toEqual(['tokens/b']);
  });

  test('of calls that were made at once the last one counts', async () => {
    const { store } = await open();
    await Promise.all(Array.from({ length: 20 }, (_, index) => store.write('port', bytes(String(index)))));
    expect(await store.read('port')).toEqual(bytes('19'));
    await Promise.all([store.write('port', bytes('x')), store.delete('port')]);
    expect(await store.read('port')).toBeUndefined();
  });

  test('any history of writes and deletes gives what a map gives', async () => {
    const key = fc.constantFrom('a', 'b/a', 'b/c', 'b/c.d', 'e/f/g');
    const step = fc.record({ key, value: fc.option(fc.uint8Array({ maxLength: 8 }), { nil: undefined }) });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (history) => {
        const { store, again } = await open();
        const model = new Map<string, Uint8Array>();
        for (const { key: name, value } of history) {
          if (value) {
            await store.write(name, value);
            model.set(name, value);
          } else {
            await store.delete(name);
            model.delete(name);
          }
        }
        const restarted = again();
        const keys = await restarted.list('');
        expect(keys).toEqual([...model.keys()].sort());
        for (const name of keys)
          expect(Buffer.compare((await restarted.read(name)) ?? bytes('?'), model.get(name) ?? bytes('!'))).toBe(0);
      }),
      { numRuns: 25 },
    );
  });
});
