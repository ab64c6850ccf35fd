import type { Message } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import type { Inbound } from '../../src/model/ir-inbound.ts';
import { byDefault } from '../../src/model/provenance.ts';
import { serviceKeyOf } from '../../src/model/service.ts';
import { toCanonicalJson } from '../../src/proto/canonical-json.ts';
import { decode } from '../../src/proto/codec.ts';
import { schemaOf } from '../../src/proto/registry.ts';
import { resolveEndpoints } from '../../src/resolve/endpoints.ts';
import { resolveView } from '../../src/resolve/view.ts';
import { translateCounters } from '../../src/translate/envoy-resource.ts';
import { translateCapture } from '../../src/translate/translate-capture.ts';
import { translateInbound } from '../../src/translate/translate-inbound.ts';
import { translateSecrets } from '../../src/translate/translate-secrets.ts';
import { translateView } from '../../src/translate/translate-view.ts';
import { upstreamTls } from '../../src/translate/upstream-tls.ts';
import type { Resource } from '../../src/xds/resource.ts';
import { listenerType, routeType } from '../../src/xds/resource-types.ts';
import {
  destinationRule,
  endpoint,
  identityOf,
  mesh,
  peerAuthentication,
  proxy,
  service,
  to,
  virtualService,
} from '../support/resolve-values.ts';

const reviews = serviceKeyOf('shop', 'reviews.shop.svc.cluster.local');
const frontend = proxy('frontend.shop', { capture: { bind: '127.0.0.1', proxy: 15001, ports: true } });

const parts = {
  services: [service('shop/reviews', { 9080: 'http', 9090: 'tcp' }), service('shop/ratings')],
  endpoints: {
    [reviews]: {
      9080: [
        endpoint('reviews-1.shop', { labels: { version: 'v1' }, identity: identityOf('shop', 'reviews') }),
        endpoint('reviews-2.shop', { labels: { version: 'v2' }, address: '10.0.0.2' }),
      ],
    },
  },
  policies: [
    virtualService(
      'shop/reviews',
      ['reviews.shop.svc.cluster.local'],
      [{ route: [to('reviews', 'v1', 90), to('reviews', 'v2', 10)] }],
    ),
    destinationRule('shop/reviews', {
      host: 'reviews.shop.svc.cluster.local',
      subsets: [
        { name: 'v1', labels: { version: 'v1' } },
        { name: 'v2', labels: { version: 'v2' } },
      ],
    }),
    peerAuthentication('shop/default', { mode: 'STRICT' }),
  ],
  localPorts: { [`${reviews}:9080`]: 21_000, [`${reviews}:9090`]: 21_001 },
};

function outboundHalf(whole = mesh(parts)): readonly Resource[] {
  const view = resolveView(whole, { namespace: 'shop', labels: {} });
  return [
    ...translateView(view, (destination) => resolveEndpoints(whole, destination)),
    ...translateCapture(view, frontend.capture),
  ];
}

function inbound(more: Partial<Inbound> = {}): Inbound {
  return {
    port: 9080,
    listen: { address: '0.0.0.0', port: 19_080 },
    applicationAddress: '127.0.0.1',
    protocol: 'http',
    mtls: byDefault('PERMISSIVE', 'D14'),
    maxConnectionDuration: byDefault(900_000, 'R17'),
    retries: byDefault(undefined, 'D2'),
    authorization: { deny: [], allow: undefined },
    terms: { pathNormalization: byDefault('dots', 'D22'), accessLog: byDefault(undefined, 'D28') },
    ...more,
  };
}

const text = (resource: Resource) => JSON.stringify(toCanonicalJson(messageOf(resource)));
const messageOf = (resource: Resource): Message => decode(schemaOf(resource.typeUrl), resource.value);
const find = (resources: readonly Resource[], typeUrl: string) => resources.find((each) => each.typeUrl === typeUrl);
const versions = (resources: readonly Resource[]) =>
  new Map(resources.map((each) => [`${each.typeUrl} ${each.name}`, each.version]));

/** The encodes that an action cost, by type. */
function cost(action: () => unknown): Partial<typeof translateCounters> {
  const before = { ...translateCounters };
  action();
  const entries = Object.entries(translateCounters).map(([key, now]) => [
    key,
    now - (before[key as keyof typeof before] ?? 0),
  ]);
  return Object.fromEntries(entries.filter(([, count]) => count !== 0));
}

describe('translate', () => {
  test('every reference names a resource that exists, and no two resources share a name', () => {
    const resources = [...outboundHalf(), ...translateInbound([inbound()], frontend), ...secrets()];
    const known = versions(resources);
    expect(known.size).toBe(resources.length);
    for (const resource of resources)
      for (const { typeUrl, name } of resource.references) expect(known.has(`${typeUrl} ${name}`), name).toBe(true);
  });

  test('equal intent gives equal bytes, made anew (P51)', () => {
    expect(versions(outboundHalf())).toEqual(versions(outboundHalf()));
  });

  test('what did not change is not encoded again; an endpoint change costs the sets that hold it', () => {
    const whole = mesh(parts);
    outboundHalf(whole);
    expect(cost(() => outboundHalf(whole))).toEqual({});
    const moved = new Map(whole.endpoints);
    const list = [
      endpoint('reviews-1.shop', { labels: { version: 'v1' }, identity: identityOf('shop', 'reviews') }),
      endpoint('reviews-2.shop', { labels: { version: 'v2' }, address: '10.0.0.3' }),
    ];
    moved.set(reviews, new Map([...(whole.endpoints.get(reviews) ?? []), [9080, list]]));
    expect(cost(() => outboundHalf({ ...whole, generation: 2, endpoints: moved }))).toEqual({ endpoints: 2 });
  });

  test('one ConfigSource everywhere (X96, X97)', () => {
    const sources = [...outboundHalf(), ...translateInbound([inbound()], frontend)].flatMap((resource) => [
      ...text(resource).matchAll(/"(?:sdsConfig|configSource|edsConfig)":(\{[^}]*\}[^}]*\})/g),
    ]);
    expect(sources.length).toBeGreaterThan(5);
    expect(new Set(sources.map(([, source]) => source))).toEqual(new Set(['{"ads":{},"resourceApiVersion":"V3"}']));
  });

  test('no file, line or commit enters a resource (4.2)', () => {
    for (const resource of outboundHalf()) expect(text(resource)).not.toMatch(/\.yaml|4f1c2ab/);
  });
});

describe('inbound', () => {
  const denied = inbound({
    authorization: {
      deny: [
        {
          id: 'ns[shop]-policy[no]-rule[0]',
          by: {
            object: { kind: 'AuthorizationPolicy', namespace: 'shop', name: 'no' },
            field: 'spec',
            at: at(),
            commit: 'c',
          },
          caller: { kind: 'always' },
          operation: { kind: 'path', match: { kind: 'exact', value: '/no' } },
        },
      ],
      allow: [],
    },
  });

  test('authorization changes the route configuration and nothing else (E21)', () => {
    const before = translateInbound([inbound()], frontend);
    const after = translateInbound([denied], frontend);
    const changed = after.filter(({ version }, index) => before[index]?.version !== version);
    expect(changed.map(({ typeUrl }) => typeUrl)).toEqual([routeType]);
  });

  test('an empty ALLOW list allows nothing (P40)', () => {
    const routes = find(translateInbound([denied], frontend), routeType);
    expect(routes && text(routes)).toContain('"weft.authorization.allow":{"rbac":{"rules":{},');
  });

  test('the chain for mesh peers is the same in STRICT and PERMISSIVE, so its connections stay (P34)', () => {
    const chains = (mode: 'STRICT' | 'PERMISSIVE', protocol: 'http' | 'tcp') => {
      const made = translateInbound([inbound({ protocol, mtls: byDefault(mode, 'D14') })], frontend);
      const listener = find(made, listenerType);
      return listener && (toCanonicalJson(messageOf(listener)) as { filterChains: { name: string }[] }).filterChains;
    };
    for (const protocol of ['http', 'tcp'] as const)
      expect(chains('STRICT', protocol)).toEqual(chains('PERMISSIVE', protocol)?.slice(0, 1));
    expect(chains('PERMISSIVE', 'http')?.map(({ name }) => name)).toEqual(['mesh', 'plaintext']);
    expect(chains('PERMISSIVE', 'tcp')?.map(({ name }) => name)).toEqual(['mesh', 'plaintext', 'foreign']);
  });

  test('a condition on the wrong side of a rule is a bug, not a hole', () => {
    const [rule] = denied.authorization.deny;
    if (rule === undefined) throw new Error('no rule');
    const swapped = { ...rule, caller: rule.operation, operation: rule.caller };
    const wrong = inbound({ authorization: { deny: [swapped], allow: undefined } });
    expect(() => translateInbound([wrong], frontend)).toThrow(/a condition on path is not about the caller/);
  });
});

describe('identity', () => {
  test('a destination that accepts nobody accepts nobody (P36)', () => {
    const context = toCanonicalJson(upstreamTls({ kind: 'mesh', accepted: [], serverName: 'x' }));
    expect(JSON.stringify(context)).toContain(
      '"matchTypedSubjectAltNames":[{"sanType":"URI","matcher":{"exact":"weft:nobody"}}]',
    );
  });

  test('the private key stands in the bytes of the secret `identity` and nowhere else', () => {
    const [identity, bundle] = secrets();
    expect(identity?.name).toBe('identity');
    expect(Buffer.from(identity?.value ?? []).includes('PRIVATE')).toBe(true);
    expect(Buffer.from(bundle?.value ?? []).includes('PRIVATE')).toBe(false);
    expect(identity && text(identity)).toContain('CHAIN');
    expect(bundle && text(bundle)).toContain('ROOT1\\nROOT2\\n');
  });
});

function secrets(): readonly Resource[] {
  return translateSecrets({ certificateChain: 'CHAIN', privateKey: 'PRIVATE', bundle: ['ROOT1', 'ROOT2\n'] });
}

function at() {
  return { file: 'no.yaml', line: 1, column: 1, endLine: 1, endColumn: 2 };
}
