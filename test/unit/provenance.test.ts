import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { contextOf, referenceOf } from '../../src/control-plane/provenance-report.ts';
import { objectOf } from '../../src/control-plane/revision-table.ts';
import type { DecidedBy, Provenance } from '../../src/model/provenance.ts';
import { refText } from '../../src/model/provenance.ts';
import { fieldPaths, fieldPlace, httpRuleName } from '../../src/model/provenance-fields.ts';
import { parsePolicies } from '../../src/policy/parse-policies.ts';
import { toEnvoyJson } from '../../src/proto/canonical-json.ts';
import { decode } from '../../src/proto/codec.ts';
import { schemaOf } from '../../src/proto/registry.ts';
import { clusterName } from '../../src/translate/names.ts';
import { decidedFields, weftMetadataKey } from '../../src/translate/provenance-metadata.ts';
import { secretType } from '../../src/xds/resource-types.ts';
import { pipeline } from '../golden/pipeline.ts';
import { readScene, type Scene } from '../golden/scene.ts';

const folder = fileURLToPath(new URL('../golden/cases', import.meta.url));
const cases = await Promise.all(
  (await readdir(folder)).sort().map(async (name) => {
    const text = await readFile(`${folder}/${name}/mesh.yaml`, 'utf8');
    const scene = readScene(text);
    return { name, text, scene, ...pipeline(scene, { certificateChain: '', privateKey: '', bundle: [] }) };
  }),
);

/** Every place at which an IR says who decided. */
function deciders(value: unknown, found: DecidedBy[] = []): readonly DecidedBy[] {
  if (typeof value !== 'object' || value === null) return found;
  for (const [key, inner] of Object.entries(value)) {
    if (key === 'by') found.push(inner);
    else if (key === 'also') found.push(...inner);
    else deciders(inner, found);
  }
  return found;
}

/** The references that a resource carries, with the names around them. */
function references(value: unknown, found: { field: string; text: string }[] = []) {
  if (typeof value !== 'object' || value === null) return found;
  for (const [key, inner] of Object.entries(value)) {
    const known = key === 'filter_metadata' ? inner[weftMetadataKey] : undefined;
    if (known === undefined) references(inner, found);
    else
      for (const [field, texts] of Object.entries(known))
        for (const text of [texts].flat()) if (referenceOf(String(text))) found.push({ field, text: String(text) });
  }
  return found;
}

const policyText = (text: string, scene: Scene, by: Provenance) => {
  const object = objectOf(scene.mesh.policies, refText(by.object));
  return by.at.file === 'mesh.yaml' ? text : (object?.kind ?? '');
};

test.each(cases)(
  '$name: every decision leads to a line that is there, and to the field that stands in it',
  ({ text, scene, ir }) => {
    for (const by of deciders([ir.inbound, ir.view])) {
      if ('default' in by) {
        expect(by.default).toMatch(/^[DRPEX]\d+$/);
        continue;
      }
      const line = policyText(text, scene, by).split('\n')[by.at.file === 'mesh.yaml' ? by.at.line - 1 : 0];
      expect(line?.trim(), `${refText(by.object)} ${by.field}`).toBeTruthy();
      const object = objectOf(scene.mesh.policies, refText(by.object));
      const written = [by.field, ...parents(by.field)].find((path) => object?.positions.has(path));
      expect(by.at).toEqual(written === undefined ? object?.at : object?.positions.get(written));
    }
  },
);

test.each(cases)(
  '$name: every reference that a resource carries leads to its line by the map of fields',
  ({ scene, resources }) => {
    for (const resource of resources) {
      if (resource.typeUrl === secretType) continue;
      const json = toEnvoyJson(decode(schemaOf(resource.typeUrl), resource.value));
      for (const { field, text } of references(json)) {
        const { ref = '', rule } = referenceOf(text) ?? {};
        const object = objectOf(scene.mesh.policies, ref);
        if (object === undefined) throw new Error(`${resource.name} ${field}: there is no ${ref}`);
        const context = { rule, ...contextOf(resource.name) };
        // A row of model/provenance-fields.ts is missing where this fails.
        expect(fieldPaths(object, field, context), `${object.kind} ${field}`).toBeDefined();
        expect(fieldPlace(object, field, context).at.line).toBeGreaterThan(0);
      }
    }
  },
);

test.each(cases)('$name: what the map of fields finds of a cluster is what its decisions say', ({ scene, ir }) => {
  for (const { destinations } of ir.view.services.flatMap(({ ports }) => ports))
    for (const destination of destinations)
      for (const [field, decided] of Object.entries(decidedFields(destination)))
        for (const { by } of decided) {
          if ('default' in by) continue;
          const object = objectOf(scene.mesh.policies, refText(by.object));
          if (object === undefined) throw new Error(`there is no ${refText(by.object)}`);
          const place = fieldPlace(object, field, contextOf(clusterName(destination.ref)));
          expect({ field, at: place.at }).toEqual({ field, at: by.at });
        }
});

test.each(cases)(
  '$name: what the map of fields finds of a rule is what its decisions say, or the part around it',
  ({ scene, ir }) => {
    for (const { routes } of ir.view.services.flatMap(({ ports }) => ports))
      for (const route of routes) {
        const { rule } = referenceOf(route.name) ?? {};
        const { destinations, mirrors, ...action } = { destinations: [], mirrors: [], ...route.action };
        const { match: _match, ...decided } = route;
        for (const [field, all] of Object.entries({ ...decidedFields({ ...decided, action }), mirrors }))
          for (const { by } of all) {
            if ('default' in by) continue;
            const object = objectOf(scene.mesh.policies, refText(by.object));
            if (object === undefined) throw new Error(`there is no ${refText(by.object)}`);
            const place = fieldPlace(object, field, { rule });
            expect(by.field.startsWith(place.field), `${field}: ${place.field} for ${by.field}`).toBe(true);
          }
        expect(destinations).toBeDefined();
      }
  },
);

function parents(path: string): readonly string[] {
  const cut = Math.max(path.lastIndexOf('.'), path.lastIndexOf('['));
  return cut <= 0 ? [] : [path.slice(0, cut), ...parents(path.slice(0, cut))];
}

test('rules that share a name, or are called like an index, have each their own', () => {
  const names = ['canary', '1', 'canary', undefined, 'tcp.0'];
  const http = names.map((name) => (name === undefined ? {} : { name }));
  expect(http.map((_, index) => httpRuleName(http, index))).toEqual(['canary', '1', '2', '3', '4']);
  const text = `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: reviews }
spec:
  hosts: [reviews]
  http:
    - { name: canary, match: [{ uri: { prefix: /a } }], timeout: 1s, route: [{ destination: { host: reviews } }] }
    - { name: '0', match: [{ uri: { prefix: /b } }], timeout: 2s, route: [{ destination: { host: reviews } }] }
    - { name: canary, match: [{ name: beta }], timeout: 3s, route: [{ destination: { host: reviews } }] }
`;
  const [object] = parsePolicies([{ path: 'a.yaml', text }], {
    commit: 'c',
    rootNamespace: 'istio-system',
    folders: 'free',
  }).objects;
  if (object === undefined) throw new Error('no object');
  const lines = ['canary', '1', '2', '2.beta'].map((rule) => fieldPlace(object, 'timeout', { rule }).at.line);
  expect(lines).toEqual([7, 8, 9, 9]);
});
