import fc from 'fast-check';
import { expect, test } from 'vitest';
import { localPortKey, type Mesh } from '../../src/model/mesh.ts';
import type { Policy, Protocol } from '../../src/model/policy.ts';
import type { Proxy } from '../../src/model/proxy.ts';
import type { Service } from '../../src/model/service.ts';
import { toEnvoyJson } from '../../src/proto/canonical-json.ts';
import { decode } from '../../src/proto/codec.ts';
import { schemaOf } from '../../src/proto/registry.ts';
import type { Resource } from '../../src/xds/resource.ts';
import { clusterType, endpointType, listenerType, routeType, secretType } from '../../src/xds/resource-types.ts';
import { pipeline } from '../golden/pipeline.ts';
import {
  authorizationPolicy,
  destinationRule,
  endpoint,
  entry,
  httpMatch,
  identityOf,
  mesh,
  peerAuthentication,
  proxy,
  service,
  to,
  virtualService,
} from '../support/resolve-values.ts';

const names = ['a', 'b', 'c', 'd'] as const;
const name = fc.constantFrom(...names);
const namespace = fc.constantFrom('shop', 'bank');
const protocol: fc.Arbitrary<Protocol> = fc.constantFrom('http', 'http2', 'grpc', 'tcp', 'tls', 'https');
const portNumber = fc.constantFrom(80, 443, 8080, 9080);
const ports = fc.dictionary(portNumber.map(String), protocol, { minKeys: 1, maxKeys: 3 });
const exportTo = fc.constantFrom(['*'], ['.'], ['shop'], ['bank']);

const services: fc.Arbitrary<readonly Service[]> = fc.uniqueArray(
  fc.oneof(
    fc
      .tuple(namespace, name, ports, exportTo)
      .map(([ns, of, some, to_]) => service(`${ns}/${of}`, some, { exportTo: to_ })),
    fc
      .tuple(namespace, fc.constantFrom('a.example', 'b.example', '*.example'), ports, fc.boolean())
      .map(([ns, host, some, dns]) =>
        entry(ns, host, {
          ports: Object.entries(some).map(([number, of]) => ({ number: Number(number), protocol: of })),
          ...(dns && !host.startsWith('*') ? { resolution: 'dns' as const } : {}),
        }),
      ),
  ),
  { selector: ({ key }) => key, minLength: 1, maxLength: 8 },
);

/** Hosts and subsets that exist, and some that do not. */
const host = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.oneof(
      name,
      fc.tuple(name, namespace).map(([of, ns]) => `${of}.${ns}.svc.cluster.local`),
    ),
  },
  { weight: 1, arbitrary: fc.constantFrom('a.example', 'nowhere', 'nowhere.example') },
);
const subset = fc.constantFrom(undefined, 'v1', 'v2', 'v9');
const subsets = fc
  .subarray(['v1', 'v2'])
  .map((some) => some.map((version) => ({ name: version, labels: { version } })));
const target = fc.tuple(host, subset, fc.option(portNumber, { nil: undefined })).map(([of, part, port]) => {
  const { destination } = to(of, part);
  return { ...destination, ...(port === undefined ? {} : { port }) };
});
const rule = fc.record({
  route: fc.array(target, { minLength: 1, maxLength: 3 }),
  mirror: fc.option(target, { nil: undefined }),
  matched: fc.boolean(),
});

type Rules = readonly {
  readonly route: readonly Target[];
  readonly mirror: Target | undefined;
  readonly matched: boolean;
}[];
interface Target {
  readonly host: string;
  readonly subset?: string;
  readonly port?: number;
}

/** A VirtualService for one host: the first destination of a rule gets what the others leave. */
function routed(id: string, of: string, rules: Rules, exportedTo: readonly string[]): Policy {
  return virtualService(
    id,
    [of],
    rules.map(({ route, mirror, matched }) => ({
      match: matched ? [httpMatch({ uri: { kind: 'prefix', value: '/x' } })] : [],
      route: route.map((destination, index) => ({
        destination,
        ...(route.length > 1 ? { weight: index === 0 ? 100 - 10 * (route.length - 1) : 10 } : {}),
      })),
      mirrors: mirror ? [{ destination: mirror, percentage: 50 }] : [],
    })),
    exportedTo,
  );
}

/** Any policies, also such that name what does not exist. */
const policies: fc.Arbitrary<readonly Policy[]> = fc
  .array(
    fc.oneof(
      fc.tuple(namespace, host, exportTo, fc.array(rule, { minLength: 1, maxLength: 2 })).map(
        ([ns, of, to_, rules]) =>
          (id: string): Policy =>
            routed(`${ns}/${id}`, of, rules, to_),
      ),
      fc.tuple(namespace, host, exportTo, subsets).map(
        ([ns, of, to_, some]) =>
          (id: string): Policy =>
            destinationRule(`${ns}/${id}`, { host: of, exportTo: to_, subsets: some }),
      ),
      fc.tuple(namespace, fc.constantFrom('STRICT', 'PERMISSIVE', 'DISABLE'), portNumber).map(
        ([ns, mode, port]) =>
          (id: string): Policy =>
            peerAuthentication(`${ns}/${id}`, {
              selector: { app: 'a' },
              mode,
              portLevelMtls: { [port]: 'PERMISSIVE' },
            }),
      ),
      fc.tuple(namespace, fc.constantFrom('ALLOW', 'DENY'), name).map(
        ([ns, action, of]) =>
          (id: string): Policy =>
            authorizationPolicy(`${ns}/${id}`, action, [{ from: [{ principals: [`demo.mesh/ns/shop/sa/${of}`] }] }]),
      ),
    ),
    { maxLength: 8 },
  )
  .map((makers) => makers.map((make, position) => make(`p${position}`)));

const proxies: fc.Arbitrary<Proxy> = fc
  .record({
    ns: namespace,
    of: name,
    ports: fc.uniqueArray(fc.tuple(portNumber, protocol), { selector: ([port]) => port, maxLength: 3 }),
    capturesPorts: fc.boolean(),
    capturesProxy: fc.boolean(),
  })
  .map(({ ns, of, ports: own, capturesPorts, capturesProxy }) =>
    proxy(`${of}-1.${ns}`, {
      service: of,
      labels: { app: of },
      ports: own.map(([port, protocolOf], index) => ({ port, protocol: protocolOf, inbound: 19_000 + index })),
      capture: { bind: '127.0.0.1', ports: capturesPorts, ...(capturesProxy ? { proxy: 15_001 } : {}) },
    }),
  );

/** Every service is somewhere, in two versions, and has local ports. */
function meshWith(list: readonly Service[], objects: readonly Policy[]): Mesh {
  const keys = list
    .filter((each) => !each.host.startsWith('*'))
    .flatMap((each) => each.ports.map((port) => localPortKey(each.key, port.number)));
  const endpoints = list.map((each) => {
    const identity = identityOf(each.namespace, each.name.split('.')[0] ?? '');
    const both = ['v1', 'v2'].map((version) =>
      endpoint(`${each.name}-${version}.${each.namespace}`, {
        labels: { version },
        ...(each.external ? {} : { identity }),
      }),
    );
    return [each.key, Object.fromEntries(each.ports.map((port) => [port.number, both]))] as const;
  });
  return mesh({
    services: list,
    policies: objects,
    endpoints: Object.fromEntries(endpoints),
    localPorts: Object.fromEntries(keys.map((key, index) => [key, 21_000 + index])),
  });
}

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

const scene = fc.record({ list: services, objects: policies, client: proxies });

/** Policies that name what exists, and is visible, only: every service, each of its ports, and the subsets of those that have some. */
function soundPolicies(list: readonly Service[]): fc.Arbitrary<readonly Policy[]> {
  const one = fc.constantFrom(...list);
  return fc.subarray([...list]).chain((divided) => {
    const rules = divided.map((each, index) =>
      destinationRule(`${each.namespace}/d${index}`, {
        host: each.host,
        subsets: ['v1', 'v2'].map((version) => ({ name: version, labels: { version } })),
      }),
    );
    const existing: fc.Arbitrary<Target> = one.chain((each) =>
      fc.record({
        host: fc.constant(each.host),
        port: fc.constantFrom(...each.ports.map(({ number }) => number)),
        ...(divided.includes(each) ? { subset: fc.constantFrom('v1', 'v2') } : {}),
      }),
    );
    const soundRule = fc.record({
      route: fc.array(existing, { minLength: 1, maxLength: 3 }),
      mirror: fc.option(existing, { nil: undefined }),
      matched: fc.boolean(),
    });
    return fc
      .array(fc.tuple(one, fc.array(soundRule, { minLength: 1, maxLength: 2 })), { maxLength: 4 })
      .map((routes) => [
        ...rules,
        ...routes.map(([each, some], index) => routed(`${each.namespace}/r${index}`, each.host, some, ['*'])),
      ]);
  });
}

const soundScene = fc
  .uniqueArray(
    fc.oneof(
      fc.tuple(namespace, name, ports).map(([ns, of, some]) => service(`${ns}/${of}`, some)),
      fc
        .tuple(namespace, fc.constantFrom('a.example', 'b.example'))
        .map(([ns, of]) => entry(ns, of, { resolution: 'dns' })),
    ),
    { selector: (each) => each.host, minLength: 1, maxLength: 6 },
  )
  .chain((list) => fc.record({ list: fc.constant(list), objects: soundPolicies(list), client: proxies }));

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
