import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { offlineMesh } from '../../src/control-plane/offline-mesh.ts';
import { bareCaller } from '../../src/control-plane/offline-proxy.ts';
import { resourcesOf } from '../../src/control-plane/proxy-resources.ts';
import type { Destination } from '../../src/model/ir-destination.ts';
import { parsePolicies } from '../../src/policy/parse-policies.ts';

const settings = { trustDomain: 'demo.mesh', dnsSuffix: 'cluster.local', rootNamespace: 'istio-system' };

/** Where blocks may stand, the widest first (P24). */
const levels = ['mesh', 'rule', 'rulePort', 'subset', 'subsetPort'] as const;
type Level = (typeof levels)[number];
const blocks = ['connectionPool', 'outlierDetection', 'loadBalancer', 'tls'] as const;
type Block = (typeof blocks)[number];
/** What MeshConfig's defaultTrafficPolicy may hold of them. */
const ofMesh: readonly Block[] = ['connectionPool', 'outlierDetection'];
/** Absent: the level is not written at all. */
type Written = Readonly<Partial<Record<Level, readonly Block[]>>>;

/** What a level says in a block, so that one can see whose it is. */
function blockOf(block: Block, level: Level): object {
  const mark = levels.indexOf(level) + 1;
  switch (block) {
    case 'connectionPool':
      return { tcp: { maxConnections: mark } };
    case 'outlierDetection':
      return { consecutive5xxErrors: mark };
    case 'loadBalancer':
      return { consistentHash: { httpHeaderName: `x-${level}`, ringHash: { minimumRingSize: mark } } };
    case 'tls':
      return { mode: 'SIMPLE', sni: `${level.toLowerCase()}.example`, subjectAltNames: ['a.example'] };
    default:
      return block satisfies never;
  }
}

function blocksOf(level: Level, written: Written): object | undefined {
  const list = written[level];
  return list && Object.fromEntries(list.map((block) => [block, blockOf(block, level)]));
}

/** A trafficPolicy with an entry for port 9080. */
function policyOf(own: object | undefined, ofPort: object | undefined): object {
  if (own === undefined && ofPort === undefined) return {};
  const entry = ofPort === undefined ? {} : { portLevelSettings: [{ port: { number: 9080 }, ...ofPort }] };
  return { trafficPolicy: { ...own, ...entry } };
}

function destinations(written: Written): readonly Destination[] {
  const rule = {
    apiVersion: 'networking.istio.io/v1',
    kind: 'DestinationRule',
    metadata: { name: 'reviews', namespace: 'shop' },
    spec: {
      host: 'reviews',
      ...policyOf(blocksOf('rule', written), blocksOf('rulePort', written)),
      subsets: [
        {
          name: 'v1',
          labels: { version: 'v1' },
          ...policyOf(blocksOf('subset', written), blocksOf('subsetPort', written)),
        },
      ],
    },
  };
  const service = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'reviews', namespace: 'shop' },
    spec: { selector: { app: 'reviews' }, ports: [{ name: 'http', port: 9080 }] },
  };
  const defaults = blocksOf('mesh', written);
  const files = [
    { path: 'a.yaml', text: `${JSON.stringify(service)}\n---\n${JSON.stringify(rule)}\n` },
    ...(defaults ? [{ path: 'meshconfig.yaml', text: JSON.stringify({ defaultTrafficPolicy: defaults }) }] : []),
  ];
  const options = { commit: '4f1c2ab', rootNamespace: settings.rootNamespace, folders: 'free' } as const;
  const { policies, diagnostics } = parsePolicies(files, options);
  if (policies === undefined) throw new Error(diagnostics.map(({ code, message }) => `${code} ${message}`).join('\n'));
  const mesh = offlineMesh({ policies, settings });
  const { view } = resourcesOf(mesh, bareCaller(mesh, 'shop')).ir;
  return view.services[0]?.ports[0]?.destinations ?? [];
}

/** Whose block acts on a destination; undefined: the default's. */
function holders({ pool, outlierDetection, hash, security }: Destination): Record<Block, string | undefined> {
  const level = (mark: number | undefined) => (mark === undefined ? undefined : levels[mark - 1]);
  const limit = pool.maxConnections.value;
  return {
    connectionPool: limit <= levels.length ? level(limit) : undefined,
    outlierDetection: level(outlierDetection?.value.consecutive5xx),
    loadBalancer: levels.find((name) => JSON.stringify(hash?.value ?? '').includes(`"x-${name}"`)),
    tls: levels.find((name) => JSON.stringify(security).includes(`"${name.toLowerCase()}.example"`)),
  };
}

/**
 * P24 as it is written: (1) the rule's own; (2) its entry for the port in its place, whole; (3) each block of a subset over that;
 * (4) a subset's entry for the port in place of all four. What is left out is the mesh's.
 */
function expected(written: Written, subset: boolean, block: Block): Level | undefined {
  const has = (level: Level) => written[level]?.includes(block) === true;
  const mesh = has('mesh') ? 'mesh' : undefined;
  if (subset && written.subsetPort) return has('subsetPort') ? 'subsetPort' : mesh;
  if (subset && has('subset')) return 'subset';
  if (written.rulePort) return has('rulePort') ? 'rulePort' : mesh;
  return has('rule') ? 'rule' : mesh;
}

function holds(written: Written): void {
  const [whole, part] = destinations(written);
  if (whole === undefined || part === undefined) throw new Error('a destination lacks');
  for (const [destination, subset] of [
    [whole, false],
    [part, true],
  ] as const) {
    const all = Object.fromEntries(blocks.map((block) => [block, expected(written, subset, block)]));
    expect(holders(destination), JSON.stringify({ written, subset })).toEqual(all);
  }
}

describe('P24 levels of a DestinationRule, under the mesh', () => {
  const combinations = [...Array(16).keys()].map((bits) =>
    (['rule', 'rulePort', 'subset', 'subsetPort'] as const).filter((_, index) => (bits & (1 << index)) > 0),
  );

  test.each(combinations.map((present) => [present.join(' ') || 'none', present] as const))(
    'all four blocks at %s, with and without those of the mesh',
    (_, present) => {
      const written = Object.fromEntries(present.map((level) => [level, blocks]));
      holds(written);
      holds({ ...written, mesh: ofMesh });
    },
  );

  test('any blocks at any levels', () => {
    const some = (of: readonly Block[]) => fc.option(fc.subarray([...of], { minLength: 1 }), { nil: undefined });
    const record = fc.record({
      mesh: some(ofMesh),
      rule: some(blocks),
      rulePort: some(blocks),
      subset: some(blocks),
      subsetPort: some(blocks),
    });
    fc.assert(
      fc.property(record, ({ mesh, rule, rulePort, subset, subsetPort }) => {
        holds({
          ...(mesh && { mesh }),
          ...(rule && { rule }),
          ...(rulePort && { rulePort }),
          ...(subset && { subset }),
          ...(subsetPort && { subsetPort }),
        });
      }),
      { numRuns: 150 },
    );
  }, 60_000);
});
