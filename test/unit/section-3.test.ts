import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { documentShapes } from '../../src/policy/document-shapes.ts';
import type { Shape } from '../../src/policy/shape.ts';
import { type InventoryField, inventoryOf } from '../support/field-inventory.ts';
import { expandBraces, type Line, lines } from './section-3.ts';

const inventory = new Map(
  documentShapes.map((shape) => [shape.kind, new Map(inventoryOf(shape).map((field) => [field.path, field]))]),
);

/** The field at a path of section 3, whose last `[]` or `{}` says only that it is a list or a map. */
function fieldAt(kind: string, path: string): InventoryField | undefined {
  return inventory.get(kind)?.get(path.replace(/(?:\[\]|\{\})$/, ''));
}

function each(line: Line, of: 'fields' | 'deprecated' | 'refused' | 'values'): readonly (readonly [string, string])[] {
  return (line[of] ?? []).flatMap(expandBraces).map((path) => [line.kind, path] as const);
}

/** The outcome of a word of a field. */
function outcomeOf(shape: Shape | undefined, word: string): string | undefined {
  if (shape?.is !== 'choice') return undefined;
  if (shape.values.includes(word)) return 'supported';
  return Object.hasOwn(shape.deprecated, word) ? 'deprecated' : shape.refused[word];
}

/** Of Kubernetes, of Istio beyond section 3, or ours: what the specification has no line for. Every other field has one. */
const beyond: readonly (readonly [kind: string, path: RegExp])[] = [
  ['Service', /^(?:type|clusterIPs|sessionAffinity|internalTrafficPolicy|ipFamilies|ipFamilyPolicy)$/],
  ['AuthorizationPolicy', /^(?:rules|rules\[\]\.(?:from|to|when))$/],
  ['MeshConfig', /^(?:defaultConfig\.|defaultInboundHttpRetryPolicy|outboundTrafficPolicy\.tls)/],
];

/** Sections 2, 3.1, 3.2, Sidecar of 3.3 and MeshConfig of 3.5. */
const trafficKinds = [
  ...['Service', 'ServiceEntry', 'WorkloadEntry', 'WorkloadGroup'],
  ...['VirtualService', 'DestinationRule', 'Sidecar', 'HealthCheck', 'MeshConfig'],
];

/** What is of T0 or T1 there and refused, each with the decision that says why. */
const refusedByDecision: Readonly<Record<string, string>> = {
  'MeshConfig caCertificates': '59-tls-of-the-mesh.md',
  'MeshConfig defaultConfig.connectionSettings': '22-mesh-config.md',
  'MeshConfig defaultConfig.drainDuration': '22-mesh-config.md',
  'MeshConfig defaultConfig.gatewayTopology': '22-mesh-config.md',
  'MeshConfig defaultConfig.proxyStatsMatcher': '22-mesh-config.md',
  'MeshConfig defaultConfig.terminationDrainDuration': '22-mesh-config.md',
  'MeshConfig defaultProviders': '22-mesh-config.md',
  'MeshConfig proxyInboundListenPort': '22-mesh-config.md',
};

const wordsByDecision: Readonly<Record<string, string>> = {
  'Sidecar egress[].captureMode=IPTABLES': '35-sidecars.md',
  'Sidecar ingress[].captureMode=IPTABLES': '35-sidecars.md',
};

const specified = new Set(['Namespace', 'List', 'PolicyTest', 'Rollout', 'RateLimit']);

describe('section 3 of policy-surface.md and the shapes', () => {
  test('the braces of a line are its fields', () => {
    expect(expandBraces('a.{b{},c[].{d,e}}.f')).toEqual(['a.b{}.f', 'a.c[].d.f', 'a.c[].e.f']);
  });

  test('every field of section 3 exists', () => {
    const named = lines.flatMap((line) => [...each(line, 'fields'), ...each(line, 'refused')]);
    expect(named.length).toBeGreaterThan(400);
    expect(named.filter(([kind, path]) => !fieldAt(kind, path))).toEqual([]);
  });

  test('every field of section 3 has its tier', () => {
    const wrong = lines.flatMap((line) =>
      each(line, 'fields').flatMap(([kind, path]) => {
        const tier = fieldAt(kind, path)?.tier;
        return tier === line.tier ? [] : [`${kind} ${path}: ${tier}, not ${line.tier}`];
      }),
    );
    expect(wrong).toEqual([]);
  });

  test('every field of T0 and T1 of the traffic kinds is supported, but for those of a decision', () => {
    const inShape = (kind: string, path: string) => fieldAt(kind, path)?.refused === true;
    const refused = lines.flatMap((line) =>
      trafficKinds.includes(line.kind) && line.tier !== 'T2'
        ? [
            ...each(line, 'fields').filter(([kind, path]) => inShape(kind, path)),
            ...each(line, 'values').filter(([kind, path]) => {
              const [field = '', word = ''] = path.split('=');
              return outcomeOf(fieldAt(kind, field)?.shape, word) !== 'supported';
            }),
          ].map(([kind, path]) => `${kind} ${path}`)
        : [],
    );
    expect(refused.sort()).toEqual(Object.keys(refusedByDecision).sort());
    const decisions = join(import.meta.dirname, '../../docs/decisions');
    for (const [field, decision] of Object.entries({ ...refusedByDecision, ...wordsByDecision })) {
      const word = field.split(' ')[1]?.replaceAll('[]', '').split('.').at(-1)?.split('=')[0] ?? '';
      expect(readFileSync(join(decisions, decision), 'utf8'), field).toContain(word);
    }
  });

  test('of their words only those of a decision are refused in T0 and T1', () => {
    const words = trafficKinds.flatMap((kind) =>
      [...(inventory.get(kind)?.values() ?? [])].flatMap(({ path, shape, refused, tier }) =>
        shape.is !== 'choice' ||
        refused ||
        (tier !== 'T0' && tier !== 'T1') ||
        beyond.some(([of, what]) => of === kind && what.test(path))
          ? []
          : Object.keys(shape.refused).map((word) => `${kind} ${path}=${word}`),
      ),
    );
    expect(words.sort()).toEqual(Object.keys(wordsByDecision).sort());
  });

  test('what is marked deprecated is, and names its successor', () => {
    const wrong = lines.flatMap((line) =>
      each(line, 'deprecated').filter(([kind, path]) => {
        const [field = '', word] = path.split('=');
        const found = fieldAt(kind, field);
        return word === undefined
          ? found?.deprecated === undefined && found?.refused !== true
          : outcomeOf(found?.shape, word) !== 'deprecated';
      }),
    );
    expect(wrong).toEqual([]);
  });

  test('what is refused in words is refused', () => {
    const wrong = lines.flatMap((line) =>
      each(line, 'refused').filter(([kind, path]) => fieldAt(kind, path)?.refused !== true),
    );
    expect(wrong).toEqual([]);
  });

  test('every word of section 3 is known, and refused in no other tier', () => {
    const wrong = lines.flatMap((line) =>
      each(line, 'values').flatMap(([kind, path]) => {
        const [field = '', word = ''] = path.split('=');
        const outcome = outcomeOf(fieldAt(kind, field)?.shape, word);
        return outcome === 'supported' || outcome === line.tier ? [] : [`${kind} ${path}: ${outcome}`];
      }),
    );
    expect(wrong).toEqual([]);
  });

  test('every field of the shapes has its line, or stays refused', () => {
    const known = new Map<string, string[]>();
    for (const line of lines) {
      const paths = [...each(line, 'fields'), ...each(line, 'deprecated'), ...each(line, 'refused')].map(([, path]) =>
        path.replace(/(?:\[\]|\{\})$/, ''),
      );
      known.set(line.kind, [...(known.get(line.kind) ?? []), ...paths]);
    }
    const without = [...inventory].flatMap(([kind, fields]) => {
      const own = known.get(kind);
      if (!own) return [];
      return [...fields.values()]
        .filter(({ tier }) => tier !== 'never')
        .filter(({ path }) => !own.some((one) => one === path || isBelow(one, path) || isBelow(path, one)))
        .filter(({ path }) => !beyond.some(([of, what]) => of === kind && what.test(path)))
        .map(({ path }) => `${kind} ${path}`);
    });
    expect(without).toEqual([]);
    const kinds = documentShapes.filter(({ tier, kind }) => tier === undefined && !specified.has(kind));
    expect(kinds.filter(({ kind }) => !known.has(kind)).map(({ kind }) => kind)).toEqual([]);
  });
});

/** True for `a.b` below `a`, `a[]` and `a{}`. */
function isBelow(path: string, above: string): boolean {
  return path.startsWith(`${above}.`) || path.startsWith(`${above}[`) || path.startsWith(`${above}{`);
}
