import fc from 'fast-check';
import { expect, test } from 'vitest';
import { toEnvoyJson } from '../../src/proto/canonical-json.ts';
import { decode } from '../../src/proto/codec.ts';
import { schemaOf } from '../../src/proto/registry.ts';
import type { Resource } from '../../src/xds/resource.ts';
import { clusterType, endpointType, listenerType, routeType, secretType } from '../../src/xds/resource-types.ts';
import { pipeline } from '../golden/pipeline.ts';
import { meshWith, scene, soundScene } from './generated-meshes.ts';

const secrets = { certificateChain: 'CHAIN', privateKey: 'KEY', bundle: ['ROOT'] };

type Json = ReturnType<typeof toEnvoyJson>;

/** Every value under one of the keys, however deep. */
function* valuesOf(
  json: Json | undefined,
  keys: readonly string[],
): Generator<{ readonly key: string; readonly value: Json }> {
  if (typeof json !== 'object' || json === null) return;
  for (const [key, value] of Object.entries(json)) {
    if (keys.includes(key)) yield { key, value };
    yield* valuesOf(value, keys);
  }
}

function nameIn(value: Json): string {
  const found = typeof value === 'object' && value !== null && !Array.isArray(value) ? value.name : undefined;
  return typeof found === 'string' ? found : '';
}

/** What the encoded message itself names, read without the help of what its author says of it. */
function namedBy(json: Json): readonly (readonly [typeUrl: string, name: string])[] {
  const found: (readonly [string, string])[] = [];
  const keys = [
    'cluster',
    'weighted_clusters',
    'route_config_name',
    'eds_cluster_config',
    'tls_certificate_sds_secret_configs',
    'validation_context_sds_secret_config',
  ];
  for (const { key, value } of valuesOf(json, keys)) {
    if (key === 'cluster' && typeof value === 'string') found.push([clusterType, value]);
    if (key === 'weighted_clusters')
      for (const each of valuesOf(value, ['clusters']))
        if (Array.isArray(each.value)) for (const one of each.value) found.push([clusterType, nameIn(one)]);
    if (key === 'route_config_name') found.push([routeType, String(value)]);
    if (key === 'eds_cluster_config')
      for (const each of valuesOf(value, ['service_name'])) found.push([endpointType, String(each.value)]);
    if (key === 'tls_certificate_sds_secret_configs' && Array.isArray(value))
      for (const one of value) found.push([secretType, nameIn(one)]);
    if (key === 'validation_context_sds_secret_config') found.push([secretType, nameIn(value)]);
  }
  return found;
}

function jsonOf(resource: Resource): Json {
  const schema = schemaOf(resource.typeUrl);
  if (schema === undefined) throw new Error(`no schema of ${resource.typeUrl}`);
  return toEnvoyJson(decode(schema, resource.value));
}

/**
 * What is named and not there, and what is there and a message names although its author does not say so: the order of updates depends on
 * it.
 */
function faults(resources: readonly Resource[]): {
  readonly missing: readonly string[];
  readonly unsaid: readonly string[];
} {
  const present = new Set(resources.map((each) => `${each.typeUrl} ${each.name}`));
  const [missing, unsaid]: [string[], string[]] = [[], []];
  for (const resource of resources) {
    const said = resource.references.map((each) => `${each.typeUrl} ${each.name}`);
    const endpoints = resource.edsName === undefined ? [] : [`${endpointType} ${resource.edsName}`];
    const meant = namedBy(jsonOf(resource)).map(([typeUrl, of]) => `${typeUrl} ${of}`);
    for (const each of [...said, ...endpoints, ...meant])
      if (!present.has(each)) missing.push(`${each} for ${resource.name}`);
    for (const each of meant) if (!said.includes(each) && present.has(each)) unsaid.push(`${each} by ${resource.name}`);
  }
  return { missing, unsaid };
}

/** Each of the 150 meshes is some milliseconds of work, which is all that takes time here: on a machine that ten others use, ten times that. */
const deadline = 180_000;

test(
  'X91 every name that a resource says or means exists in the same snapshot',
  () => {
    let subsetsNamed = 0;
    fc.assert(
      fc.property(soundScene, ({ list, objects, client }) => {
        const { resources } = pipeline({ mesh: meshWith(list, objects), proxy: client }, secrets);
        subsetsNamed += resources.flatMap(({ references }) =>
          references.filter((each) => each.name.includes('v1')),
        ).length;
        expect(faults(resources)).toEqual({ missing: [], unsaid: [] });
      }),
      { numRuns: 150 },
    );
    expect(subsetsNamed).toBeGreaterThan(50);
  },
  deadline,
);

test(
  'X91 where policies name what does not exist, only clusters are missing, and all that is there is said',
  () => {
    fc.assert(
      fc.property(scene, ({ list, objects, client }) => {
        const { resources } = pipeline({ mesh: meshWith(list, objects), proxy: client }, secrets);
        const { missing, unsaid } = faults(resources);
        expect(unsaid).toEqual([]);
        expect(missing.filter((each) => !each.startsWith(clusterType))).toEqual([]);
      }),
      { numRuns: 150 },
    );
  },
  deadline,
);

test(
  'X102 no two resources of a type have one name; listeners have addresses, and virtual hosts domains, of their own',
  () => {
    fc.assert(
      fc.property(scene, ({ list, objects, client }) => {
        const { resources } = pipeline({ mesh: meshWith(list, objects), proxy: client }, secrets);
        expectDistinct(resources.map((each) => `${each.typeUrl} ${each.name}`));
        const ofType = (typeUrl: string) => resources.filter((each) => each.typeUrl === typeUrl).map(jsonOf);
        const addresses = ofType(listenerType).flatMap((json) =>
          typeof json === 'object' && json !== null && !Array.isArray(json) ? [JSON.stringify(json.address)] : [],
        );
        expect(addresses).not.toContain(undefined);
        expectDistinct(addresses);
        for (const json of ofType(routeType)) {
          const domains = [...valuesOf(json, ['domains'])].flatMap(({ value }) => (Array.isArray(value) ? value : []));
          expectDistinct(domains.map((domain) => String(domain).toLowerCase()));
          expectDistinct(
            [...valuesOf(json, ['virtual_hosts'])].flatMap(({ value }) =>
              Array.isArray(value) ? value.map(nameIn) : [],
            ),
          );
        }
      }),
      { numRuns: 150 },
    );
  },
  deadline,
);

function expectDistinct(list: readonly string[]): void {
  const twice = list.filter((each, index) => list.indexOf(each) !== index);
  expect(twice).toEqual([]);
}
