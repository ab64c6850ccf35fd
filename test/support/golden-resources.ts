import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { toCanonicalJson } from '../../src/proto/canonical-json.ts';
import { decode } from '../../src/proto/codec.ts';
import { schemaOf } from '../../src/proto/registry.ts';
import type { SecretMaterial } from '../../src/translate/translate-secrets.ts';
import type { Resource } from '../../src/xds/resource.ts';
import { pipeline } from '../golden/pipeline.ts';
import { readScene } from '../golden/scene.ts';

const folder = join(import.meta.dirname, '../golden/cases');

/** All that the proxies of the golden cases are told, by case, translated anew with every call. */
export function goldenResources(secrets: SecretMaterial): ReadonlyMap<string, readonly Resource[]> {
  const cases = readdirSync(folder).sort();
  return new Map(
    cases.map((name) => {
      const scene = readScene(readFileSync(join(folder, name, 'mesh.yaml'), 'utf8'));
      return [name, pipeline(scene, secrets).resources];
    }),
  );
}

/** A resource in canonical JSON. */
export function jsonOf(resource: Resource): unknown {
  return toCanonicalJson(decode(schemaOf(resource.typeUrl), resource.value));
}

/** Every object below a JSON value, itself included, with the name of the field that it stands in. */
export function* objectsIn(
  value: unknown,
  field = '',
): Generator<readonly [string, Readonly<Record<string, unknown>>]> {
  if (Array.isArray(value)) for (const item of value) yield* objectsIn(item, field);
  else if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value);
    yield [field, Object.fromEntries(entries)];
    for (const [name, item] of entries) yield* objectsIn(item, name);
  }
}
