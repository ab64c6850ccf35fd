import { expect, test } from 'vitest';
import { createTreeCheck } from '../../src/control-plane/check-tree.ts';
import { foreseeing } from '../../src/control-plane/foresee.ts';
import { modeJumps, servedModes } from '../../src/control-plane/mode-jumps.ts';
import { offlineMesh } from '../../src/control-plane/offline-mesh.ts';
import type { Mesh } from '../../src/model/mesh.ts';
import type { PolicySet } from '../../src/model/policy.ts';
import { settings, workload } from '../support/registry-values.ts';

/* WEFT0170 (decision 58): who goes from STRICT straight to DISABLE or back, at the line that says so. */

const joined = ['catalog-1', 'catalog-2', 'till-1'].map((name, index) => {
  const made = workload(name, name.slice(0, -2), 20_000 + index);
  return [made.id, made] as const;
});

const policy = (name: string, spec: string, namespace = 'shop') =>
  `---\napiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {name: ${name}, namespace: ${namespace}}\nspec:\n  ${spec}\n`;
const mode = (value: string) => `mtls: {mode: ${value}}`;
const ofCatalog = (value: string) => `selector: {matchLabels: {app: catalog}}\n  mtls: {mode: ${value}}`;

function policiesOf(text: string): PolicySet {
  const files = [{ path: 'policies/modes.yaml', text }];
  const tree = { commit: '4f1c2ab', files, diagnostics: [], author: '', subject: '', time: 0 };
  const run = createTreeCheck({ settings, folders: 'free', root: 'policies', joined: () => undefined });
  const { policies, diagnostics } = run(tree);
  if (policies === undefined) throw new Error(JSON.stringify(diagnostics));
  return policies;
}

const meshOf = (text: string, of = joined): Mesh => offlineMesh({ policies: policiesOf(text), settings, joined: of });
const found = (before: string, after: string, at: Mesh = meshOf(before)) =>
  modeJumps(servedModes(at), meshOf(after)).map(({ at, field, message }) => `${at.line} ${field} ${message}`);

const [every, catalog] = [
  'catalog-1.shop:9080, catalog-2.shop:9080, till-1.shop:9080',
  'catalog-1.shop:9080, catalog-2.shop:9080',
];

test('both ways are told, at the mode, with a hint; whatever has PERMISSIVE at one end is not', () => {
  const [strict, permissive, disable] = ['STRICT', 'PERMISSIVE', 'DISABLE'].map((value) =>
    policy('default', mode(value)),
  );
  expect(found(strict ?? '', disable ?? '')).toEqual([`6 spec.mtls.mode from STRICT straight to DISABLE: ${every}`]);
  expect(found(disable ?? '', strict ?? '')).toEqual([`6 spec.mtls.mode from DISABLE straight to STRICT: ${every}`]);
  for (const [before, after] of [
    [strict, permissive],
    [permissive, disable],
    [disable, permissive],
    [strict, strict],
    ['', disable],
    [strict, ''],
  ])
    expect(found(before ?? '', after ?? '')).toEqual([]);
  const [finding] = modeJumps(servedModes(meshOf(strict ?? '')), meshOf(disable ?? ''));
  expect(finding).toMatchObject({
    code: 'WEFT0170',
    severity: 'warning',
    hint: expect.stringMatching(/^commit PERMISSIVE in between/),
    at: { line: 6, column: 16, endColumn: 23 },
  });
});

test('a mode of one port is told of that port, at its own line', () => {
  const ports = (port: string) => `${ofCatalog('STRICT')}\n  portLevelMtls:\n    9080: {mode: ${port}}`;
  expect(found(policy('catalog', ports('STRICT')), policy('catalog', ports('DISABLE')))).toEqual([
    `9 spec.portLevelMtls.9080 from STRICT straight to DISABLE: ${catalog}`,
  ]);
});

test('a policy that is gone, or decides no more, is named, and the place is that of the one which decides now', () => {
  const wide = policy('default', mode('DISABLE'), 'istio-system');
  expect(found(`${wide}${policy('catalog', ofCatalog('STRICT'))}`, wide)).toEqual([
    `6 spec.mtls.mode from STRICT straight to DISABLE: ${catalog}; PeerAuthentication/shop/catalog, which said STRICT, is gone`,
  ]);
  expect(found(wide, `${wide}${policy('catalog', ofCatalog('STRICT'))}`)).toEqual([
    `13 spec.mtls.mode from DISABLE straight to STRICT: ${catalog}; PeerAuthentication/istio-system/default, which said DISABLE, decides no more`,
  ]);
});

test('who joined only now, and who has no proxy of the mesh, goes from nothing to nothing', () => {
  const [before, after] = [policy('default', mode('STRICT')), policy('default', mode('DISABLE'))];
  expect(found(before, after, meshOf(before, joined.slice(2)))).toEqual([
    '6 spec.mtls.mode from STRICT straight to DISABLE: till-1.shop:9080',
  ]);
  const bare = joined.map(([id, { identity: _, ...one }]) => [id, one] as const);
  expect(found(before, after, meshOf(before, bare))).toEqual([]);
});

test('many are counted', () => {
  const many = Array.from({ length: 1_000 }, (_, index) => {
    const made = workload(`w${index}`, 'w', 20_000 + index);
    return [made.id, made] as const;
  });
  const [before, after] = ['STRICT', 'DISABLE'].map((value) => meshOf(policy('default', mode(value)), many));
  const started = performance.now();
  const jumps = before && after ? modeJumps(servedModes(before), after) : [];
  expect(performance.now() - started).toBeLessThan(500);
  expect(jumps.map(({ message }) => message)).toEqual([expect.stringMatching(/(w\d+\.shop:9080, ){5}995 more$/)]);
});

test('the first commit is compared with nothing', async () => {
  const asked: string[] = [];
  let served: PolicySet | undefined;
  const check = foreseeing(
    async ({ commit }) => ({ policies: { commit, objects: [] }, diagnostics: [] }),
    () => served,
    ({ commit }, { commit: before }) => {
      asked.push(`${before} ${commit}`);
      return [];
    },
  );
  const tree = (commit: string) => ({ commit, files: [], diagnostics: [], author: '', subject: '', time: 0 });
  served = (await check(tree('one'))).policies;
  await check(tree('two'));
  expect(asked).toEqual(['one two']);
});

test('a silencer with a reason covers what is found beside the mesh that runs', async () => {
  const text = `${policy('default', mode('DISABLE')).trimEnd()} # weft-ignore WEFT0170: nobody calls yet\n`;
  const run = createTreeCheck({ settings, folders: 'free', root: 'policies', joined: () => undefined });
  const tree = (commit: string, of: string) => {
    const files = [{ path: 'policies/modes.yaml', text: of }];
    return { commit, files, diagnostics: [], author: '', subject: '', time: 0 };
  };
  let served: PolicySet | undefined;
  const before = meshOf(policy('default', mode('STRICT')));
  const check = foreseeing(
    async (one) => run(one),
    () => served,
    (after) => modeJumps(servedModes(before), { ...before, policies: after }),
  );
  served = (await check(tree('one', policy('default', mode('STRICT'))))).policies;
  expect((await check(tree('two', text))).diagnostics).toEqual([]);
  const codes = (await check(tree('three', text.replace(': nobody calls yet', '')))).diagnostics.map(
    ({ code }) => code,
  );
  expect(codes).toEqual(['WEFT0170', 'WEFT0009']);
});
