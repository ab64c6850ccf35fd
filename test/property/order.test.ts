import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { resourcesOf } from '../../src/control-plane/proxy-resources.ts';
import { kindTable } from '../../src/policy/kinds/kind-table.ts';
import { readScene } from '../golden/scene.ts';

/*
 * P3, P22, P51 on every mesh of the golden cases, so on every kind and field that has one: documents in any order, keys of maps in any
 * order, hosts in any case, YAML or JSON, give the same bytes.
 */

const folder = join(import.meta.dirname, '../golden/cases');
const scenes = readdirSync(folder).map((name) => {
  const text = readFileSync(join(folder, name, 'mesh.yaml'), 'utf8');
  const [first = '', ...rest] = text.split(/^---$/m);
  const head: unknown = parse(first);
  const documents = rest.map((one): unknown => parse(one)).filter((one) => one !== null);
  return { name, text, head, documents };
});
type Scene = (typeof scenes)[number];

/** What the proxy of a case is told: each resource with the hash of its bytes, in order. */
function told(text: string): readonly string[] {
  const { mesh, proxy } = readScene(text);
  return resourcesOf(mesh, proxy).resources.map(({ typeUrl, name, version }) => `${typeUrl} ${name} ${version}`);
}

type Order = () => number;

/** The same with the keys of all maps in another order; lists have one. */
function shuffled(value: unknown, order: Order): unknown {
  if (Array.isArray(value)) return value.map((item) => shuffled(item, order));
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([key, inner]) => ({ rank: order(), key, inner: shuffled(inner, order) }));
  return Object.fromEntries(entries.sort((a, b) => a.rank - b.rank).map(({ key, inner }) => [key, inner]));
}

/** The case as another text; `edit` changes each document. */
function rewritten({ head, documents }: Scene, order: Order, edit: (document: unknown) => unknown = (one) => one) {
  const ranked = documents.map((document) => ({
    rank: order(),
    text: written(edit(shuffled(document, order)), order),
  }));
  const texts = ranked.sort((a, b) => a.rank - b.rank).map(({ text }) => text);
  return [stringify(shuffled(head, order)), ...texts].join('\n---\n');
}

function written(document: unknown, order: Order): string {
  return order() % 2 === 0 ? JSON.stringify(document) : stringify(document);
}

const ranks = fc.infiniteStream(fc.nat({ max: 1_000_000 }));

describe.each(scenes)('$name', (scene) => {
  test('P22 P51 the order of documents and keys never changes a byte', () => {
    const expected = told(scene.text);
    expect(expected.length).toBeGreaterThan(0);
    fc.assert(
      fc.property(ranks, (stream) => {
        expect(told(rewritten(scene, () => stream.next().value))).toEqual(expected);
      }),
      { numRuns: 2 },
    );
  });

  test('P3 the case of hosts never changes a byte', () => {
    const expected = told(scene.text);
    fc.assert(
      fc.property(ranks, (stream) => {
        const order = () => stream.next().value;
        expect(told(rewritten(scene, order, (document) => hostsInCase(document, order)))).toEqual(expected);
      }),
      { numRuns: 2 },
    );
  });
});

/** Hosts by which objects name services, with some of their letters in the other case. */
function hostsInCase(document: unknown, order: Order): unknown {
  const { apiVersion } = document as { readonly apiVersion: string };
  const names = /^(networking|weft)/.test(apiVersion) ? hostFields : new Set<string>();
  const walk = (value: unknown, isHost: boolean): unknown => {
    if (Array.isArray(value)) return value.map((item) => walk(item, isHost));
    if (typeof value === 'string') return isHost ? inSomeCase(value, order) : value;
    if (typeof value !== 'object' || value === null) return value;
    const entries = Object.entries(value).map(([key, inner]) =>
      otherHosts.has(key) ? [key, inner] : [key, walk(inner, names.has(key))],
    );
    return Object.fromEntries(entries);
  };
  return walk(document, false);
}

/** Below these, `host` is a header. */
const otherHosts = new Set(['headers', 'withoutHeaders', 'httpGet']);
/** What P1 to P3 are about. */
const hostFields = new Set(['host', 'hosts', 'sniHosts']);

/** `ns/host` entries keep their namespace. */
function inSomeCase(host: string, order: Order): string {
  const slash = host.indexOf('/') + 1;
  const name = host.slice(slash).replace(/[a-z]/g, (letter) => (order() % 2 === 0 ? letter : letter.toUpperCase()));
  return `${host.slice(0, slash)}${name}`;
}

test('every kind that acts is in some case', () => {
  const used = new Set(
    scenes.flatMap(({ documents }) => documents.map((document) => (document as { readonly kind: string }).kind)),
  );
  const acting = kindTable.filter(({ lower }) => lower !== undefined).map(({ kind }) => kind);
  expect(acting.length).toBeGreaterThan(7);
  // Says what a proxy becomes that joins, and nothing to those that are there.
  expect(acting.filter((kind) => !used.has(kind) && kind !== 'WorkloadGroup')).toEqual([]);
});
