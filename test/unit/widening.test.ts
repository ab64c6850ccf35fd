import { describe, expect, test } from 'vitest';
import { createTreeCheck } from '../../src/control-plane/check-tree.ts';
import type { CheckedTree } from '../../src/control-plane/policy-source.ts';
import type { Workload } from '../../src/model/workload.ts';
import { wideningCounters } from '../../src/resolve/widening.ts';
import { extra, marked } from '../support/marked-commit.ts';
import { byId, settings, workload } from '../support/registry-values.ts';
import { type PolicyTexts, wideningCommits } from '../support/widening-commits.ts';

/* T14: a commit that lets in who is refused is held back without a mark (decision 63). */

function checks(
  widening: 'allow' | 'marked' = 'marked',
  isolate: 'commit' | 'namespace' = 'commit',
  members?: ReadonlyMap<string, Workload>,
) {
  const check = createTreeCheck({
    settings,
    folders: 'namespace',
    root: 'policies',
    joined: () => members,
    widening,
    isolate,
  });
  return (commit: string, texts: PolicyTexts): CheckedTree =>
    check({
      commit,
      files: Object.entries(texts).map(([path, text]) => ({ path: `policies/${path}`, text })),
      diagnostics: [],
      author: 'Ana',
      subject: commit,
      time: 0,
    });
}
const errors = ({ diagnostics }: CheckedTree) =>
  diagnostics
    .filter(({ severity }) => severity === 'error')
    .map(({ code, message, at }) => `${at.file}:${at.line} ${code} ${message}`);

test('fifty kinds', () => expect(wideningCommits.length).toBeGreaterThanOrEqual(50));

const named = (name: string) => {
  const found = wideningCommits.find((each) => each.name === name);
  if (found === undefined) throw new Error(name);
  return found;
};

describe.each(wideningCommits)('T14 $name', ({ narrow, wide }) => {
  test('is held back', () => {
    const check = checks();
    expect(errors(check('aaa', narrow))).toEqual([]);
    const second = check('bbb', wide);
    expect(errors(second).map((error) => error.split(' ')[1])).toContain('WEFT0171');
    expect(second.policies).toBeUndefined();
  });

  test('is served the other way round, with a mark, and where weft.yaml asks for none', () => {
    const [other, withMark, plain] = [checks(), checks(), checks('allow')];
    expect(errors(other('aaa', wide))).toEqual([]);
    expect(errors(other('bbb', narrow))).toEqual([]);
    withMark('aaa', narrow);
    expect(errors(withMark('bbb', marked(wide, 'launch of the shop')))).toEqual([]);
    plain('aaa', narrow);
    expect(errors(plain('bbb', wide))).toEqual([]);
  });
});

test.each([
  [
    'a second ALLOW policy',
    'policies/shop/all.yaml:5 WEFT0171 widens who may call: demo.mesh/ns/bank/sa/api → any workload of shop, any method',
  ],
  [
    'a method more',
    'policies/shop/all.yaml:3 WEFT0171 widens who may call: demo.mesh/ns/shop/sa/frontend → workloads with app=reviews of shop, POST',
  ],
  [
    'a policy that allows all',
    'policies/shop/all.yaml:5 WEFT0171 widens who may call: everybody → any workload of shop, any method',
  ],
  [
    'a DENY policy that goes',
    'policies/shop/all.yaml:1 WEFT0171 AuthorizationPolicy/shop/never is gone, which widens who may call: demo.mesh/ns/shop/sa/frontend → any workload of shop, any method',
  ],
  [
    'plaintext instead of mesh TLS alone',
    'policies/shop/all.yaml:3 WEFT0171 widens who may call: whoever calls in plaintext → any workload of shop, any method',
  ],
  [
    'tokens of a further issuer',
    'policies/shop/all.yaml:5 WEFT0171 widens who may call: everybody → any workload of shop, any method where claim [sub] is * and token issuer is https://b.example',
  ],
  [
    'a condition of more values',
    'policies/shop/all.yaml:3 WEFT0171 widens who may call: demo.mesh/ns/shop/sa/frontend → workloads with app=reviews of shop, any method where header x-user is a*',
  ],
  [
    'another name of the trust domain',
    'policies/meshconfig.yaml:1 WEFT0171 widens who may call: old.example/ns/shop/sa/frontend → any workload of shop, any method',
  ],
  [
    'a route of another namespace',
    'policies/bank/all.yaml:3 WEFT0171 leads calls to a host of another namespace elsewhere: reviews.shop.svc.cluster.local',
  ],
])('T14 who, whom and where: %s', (name, error) => {
  const { narrow, wide } = named(name);
  const check = checks();
  check('aaa', narrow);
  expect(errors(check('bbb', wide))).toEqual([error]);
});

describe('T14 the mark', () => {
  const { narrow, wide } = named('a method more');
  const hint = (checked: CheckedTree) => checked.diagnostics.find(({ code }) => code === 'WEFT0171')?.hint;

  test('of the root namespace counts for all, that of a third for none', () => {
    const [root, third] = [checks(), checks()];
    root('aaa', narrow);
    expect(errors(root('bbb', marked(wide, 'launch', 'istio-system')))).toEqual([]);
    third('aaa', narrow);
    const held = third('bbb', marked(wide, 'launch', 'bank'));
    expect(held.policies).toBeUndefined();
    expect(hint(held)).toBe(
      'if it is meant, say why in the same commit, on an object of namespace shop or istio-system: annotation weft.dev/widens: "REASON"',
    );
  });

  test('of an earlier commit does not count, another reason does', () => {
    const check = checks();
    check('aaa', marked(narrow, 'launch'));
    const held = check('bbb', marked(wide, 'launch'));
    expect(held.policies).toBeUndefined();
    expect(hint(held)).toContain('"REASON"; that of Service/shop/reviews is of an earlier commit');
    expect(errors(check('ccc', marked(wide, 'POST for the new page')))).toEqual([]);
  });

  test('that came with a commit that was held back for something else still counts', () => {
    const check = checks();
    check('aaa', narrow);
    expect(check('bbb', { ...marked(wide, 'launch'), 'bank/all.yaml': 'a: [' }).policies).toBeUndefined();
    expect(errors(check('ccc', marked(wide, 'launch')))).toEqual([]);
  });

  test('without a reason is refused, and a misspelt one is known', () => {
    const check = checks();
    check('aaa', narrow);
    const empty = check('bbb', marked(wide, ' '));
    expect(errors(empty)).toEqual(['policies/shop/all.yaml:1 WEFT0002 weft.dev/widens gives no reason']);
    const wrong = check(
      'bbb',
      JSON.parse(JSON.stringify(marked(wide, 'launch')).replace('weft.dev/widens', 'weft.dev/widen')),
    );
    expect(wrong.diagnostics.find(({ code }) => code === 'WEFT0002')?.hint).toBe('did you mean "weft.dev/widens"?');
  });
});

describe('T14 what is compared', () => {
  const { narrow, wide } = named('a method more');

  test('nothing with the first commit, and a commit that was held back stays compared with what is served', () => {
    const check = checks();
    expect(errors(check('aaa', wide))).toEqual([]);
    expect(errors(check('bbb', narrow))).toEqual([]);
    for (const commit of ['ccc', 'ddd', 'ddd']) expect(check(commit, wide).policies).toBeUndefined();
    expect(errors(check('eee', narrow))).toEqual([]);
  });

  test('policy.isolate: namespace holds back only the namespace that opens', () => {
    const check = checks('marked', 'namespace');
    check('aaa', { ...narrow, 'bank/all.yaml': extra });
    const second = check('bbb', { ...wide, 'bank/all.yaml': extra.replaceAll('extra', 'other') });
    expect(second.held).toEqual([{ namespace: 'shop', commit: 'aaa' }]);
    expect(second.policies?.objects.map(({ name }) => name)).toContain('other');
    expect(errors(second).join()).toContain('WEFT0171');
  });

  test('a known workload: its ports with their protocols, and accounts that exist', () => {
    const members = byId(
      workload('reviews-1', 'reviews', 21_000),
      workload('reviews-2', 'reviews', 21_001),
      workload('cart-1', 'cart', 21_002),
    );
    const check = checks('marked', 'commit', members);
    const { narrow: one, wide: many } = named('a namespace instead of an account');
    check('aaa', one);
    const [error = ''] = errors(check('bbb', many));
    expect(error).toContain(
      'demo.mesh/ns/shop/sa/cart → reviews.shop, any method, demo.mesh/ns/shop/sa/reviews → reviews.shop, any method, demo.mesh/ns/shop/sa/* → reviews.shop',
    );
    // Of HTTP alone: what only bytes could do is nothing there.
    const all = checks('marked', 'commit', members);
    const methods = {
      ...one,
      'shop/all.yaml': (one['shop/all.yaml'] ?? '').replace(
        '"rules":[{',
        '"rules":[{"to":[{"operation":{"methods":["*"]}}],',
      ),
    };
    all('aaa', methods);
    expect(errors(all('bbb', one))).toEqual([]);
    const unknown = checks();
    unknown('aaa', methods);
    expect(errors(unknown('bbb', one)).join()).toContain(
      'demo.mesh/ns/shop/sa/frontend → workloads with app=reviews of shop, TCP',
    );
  });

  test('a workload of 1,000 whose policy changed: no other is compared', () => {
    const count = 1_000;
    const names = Array.from({ length: count }, (_, index) => `s${index}`);
    const members = byId(...names.map((name, index) => workload(`${name}-1`, name, 21_000 + index)));
    const policyOf = (name: string, methods: readonly string[]) =>
      JSON.stringify({
        apiVersion: 'security.istio.io/v1',
        kind: 'AuthorizationPolicy',
        metadata: { name },
        spec: {
          selector: { matchLabels: { app: name } },
          rules: [
            { from: [{ source: { principals: ['cluster.local/ns/shop/sa/s1'] } }], to: [{ operation: { methods } }] },
          ],
        },
      });
    const texts = (methods: readonly string[]) =>
      Object.fromEntries(names.map((name) => [`shop/${name}.yaml`, policyOf(name, name === 's7' ? methods : ['GET'])]));
    const check = checks('marked', 'commit', members);
    check('aaa', texts(['GET']));
    Object.assign(wideningCounters, { places: 0, compared: 0 });
    const held = check('bbb', texts(['GET', 'PUT']));
    expect(errors(held)).toEqual([expect.stringContaining('demo.mesh/ns/shop/sa/s1 → s7.shop, PUT')]);
    expect(wideningCounters.compared).toBeLessThanOrEqual(2);
    // The second question about the same costs nothing.
    Object.assign(wideningCounters, { places: 0, compared: 0 });
    check('bbb', texts(['GET', 'PUT']));
    expect(wideningCounters).toEqual({ places: 0, compared: 0 });
    // Everybody at once.
    const closed = {
      'istio-system/all.yaml': JSON.stringify({
        apiVersion: 'security.istio.io/v1',
        kind: 'AuthorizationPolicy',
        metadata: { name: 'open' },
        spec: { rules: [{}] },
      }),
    };
    const started = performance.now();
    const open = check('ccc', { ...texts(['GET']), ...closed });
    const took = performance.now() - started;
    expect(errors(open)).toEqual([
      expect.stringContaining('widens who may call: any identity → s0.shop, any method, '),
    ]);
    expect(took).toBeLessThan(10_000);
    console.log(`one policy opens ${count} workloads: found in ${Math.round(took)} ms`);
  });
});
