import fc from 'fast-check';
import { localPortKey, type Mesh } from '../../src/model/mesh.ts';
import type { Policy, Protocol } from '../../src/model/policy.ts';
import type { Proxy } from '../../src/model/proxy.ts';
import type { Service } from '../../src/model/service.ts';
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

export const names = ['a', 'b', 'c', 'd'] as const;
export const name = fc.constantFrom(...names);
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
export const policies: fc.Arbitrary<readonly Policy[]> = fc
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
export function meshWith(list: readonly Service[], objects: readonly Policy[]): Mesh {
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

export const scene = fc.record({ list: services, objects: policies, client: proxies });

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

export const soundScene = fc
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
