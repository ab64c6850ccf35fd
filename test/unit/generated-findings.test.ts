import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, expect, test, vi } from 'vitest';
import { planChange, planText } from '../../src/control-plane/plan-change.ts';
import { workload } from '../support/registry-values.ts';
import { proxy } from '../support/resolve-values.ts';
import { runVerb } from '../support/run-verb.ts';
import { spineMesh } from '../support/spine-mesh.ts';

// A hole in the language, which has none that is known: names of query parameters may be empty, which Envoy's own rules forbid.
vi.mock('../../src/policy/rules/http.ts', async (original) => {
  const { httpRules } = await original<typeof import('../../src/policy/rules/http.ts')>();
  return { httpRules: { ...httpRules, 'query-name': { ...httpRules['query-name'], problem: () => undefined } } };
});

const folder = mkdtempSync(join(tmpdir(), 'weft-generated-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const service = (name: string) =>
  `apiVersion: v1\nkind: Service\nmetadata: { name: ${name}, namespace: shop }\nspec: { selector: { app: ${name} }, ports: [{ name: http, port: 80, targetPort: 9080 }] }\n`;
const broken = `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: reviews, namespace: shop }
spec:
  hosts: [reviews]
  http:
  - match: [{ queryParams: { "": { exact: a } } }]
    route: [{ destination: { host: reviews } }]
`;

function write(files: Readonly<Record<string, string>>): void {
  for (const [name, text] of Object.entries(files)) {
    const file = join(folder, 'policies/shop', name);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
}
const weft = (words: string) => runVerb(words.split(' '), { cwd: folder });

test('WEFT0601 is found by weft validate, once, with its line, for whatever proxies files tell of', async () => {
  write({ 'reviews.yaml': service('reviews'), 'catalog.yaml': service('catalog') });
  expect((await weft('validate')).code).toBe(0);
  write({ 'route.yaml': broken });
  const { code, stdout } = await weft('validate -o json');
  const all: readonly { code: string; file: string; line: number; message: string }[] = JSON.parse(stdout).items;
  const found = all.filter((item) => item.code === 'WEFT0601');
  // In the routes of the listener and behind HTTP_PROXY: the same for every proxy.
  expect([code, found.map(({ file, line }) => `${file}:${line}`)]).toEqual([
    1,
    Array(found.length).fill('policies/shop/route.yaml:7'),
  ]);
  expect(new Set(found.map(({ message }) => message)).size).toBe(found.length);
  expect(found.length).toBeGreaterThan(0);
});

test('a large mesh is looked at where that is asked for', async () => {
  write(Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`s${index}.yaml`, service(`s${index}`)])));
  const without = await weft('validate -v');
  expect([without.code, without.stderr]).toEqual([0, expect.stringContaining('--generated')]);
  expect((await weft('validate --generated')).code).toBe(1);
});

test('a plan says what would be kept from a proxy, and why', () => {
  const texts = { 'reviews.yaml': service('reviews') };
  const spine = spineMesh({ texts, workloads: [workload('reviews-1', 'reviews', 19_080)] });
  const caller = proxy('frontend-1.shop', { capture: { bind: '127.0.0.1', proxy: 15_001, ports: true } });
  spine.snapshots.hold(caller);
  const mesh = spine.mesh.get();
  if (mesh === undefined) throw new Error('no mesh');
  const plan = (more: Readonly<Record<string, string>>) =>
    planChange(mesh, spine.parse({ ...texts, ...more }), [caller], spine.snapshots.of).map(planText);
  expect(plan({ 'catalog.yaml': service('catalog') }).join()).not.toContain('WEFT0601');
  expect(plan({ 'route.yaml': broken })[0]).toMatch(
    /^frontend-1 {2}.*, but WEFT0601 policies\/route\.yaml:7 generated .* is invalid: /,
  );
});
