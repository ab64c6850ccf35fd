import { describe, expect, test } from 'vitest';
import { commitAnswer } from '../../src/admin/commit-answer.ts';
import { heldNote } from '../../src/cli/render/status.ts';
import { createTreeCheck, treeCheckSteps } from '../../src/control-plane/check-tree.ts';
import type { PolicyRepository } from '../../src/control-plane/git-repository.ts';
import { inSlices } from '../../src/control-plane/in-slices.ts';
import { type CheckedTree, startPolicySource } from '../../src/control-plane/policy-source.ts';
import { refText } from '../../src/model/provenance.ts';
import type { RevisionStatus } from '../../src/model/status.ts';
import type { PolicyTree } from '../../src/policy/git-tree.ts';
import { fakeSource } from '../support/fake-admin-source.ts';
import { memoryStore } from '../support/memory-store.ts';
import { settings } from '../support/registry-values.ts';

const service = (name: string, namespace: string) =>
  `apiVersion: v1\nkind: Service\nmetadata: { name: ${name}, namespace: ${namespace} }\nspec: { selector: { app: ${name} }, ports: [{ name: http, port: 80 }] }\n`;
const route = (name: string, namespace: string, to = name, more = '') =>
  `apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: { name: ${name}, namespace: ${namespace} }\nspec: { hosts: [${name}], http: [{ ${more}route: [{ destination: { host: ${to} } }] }] }\n`;

type Files = Readonly<Record<string, string>>;
const whole: Files = {
  'shop/a.yaml': service('cart', 'shop'),
  'shop/b.yaml': route('cart', 'shop'),
  'bank/a.yaml': service('pay', 'bank'),
  'bank/b.yaml': route('pay', 'bank'),
};
const treeOf = (commit: string, files: Files): PolicyTree => ({
  commit,
  files: Object.entries(files).map(([path, text]) => ({ path: `policies/${path}`, text })),
  diagnostics: [],
  author: 'Ana',
  subject: commit,
  time: 0,
});
const options = {
  settings,
  folders: 'namespace',
  root: 'policies',
  joined: () => new Map(),
  isolate: 'namespace',
} as const;
/** `VirtualService/shop/cart@aaa` */
const shown = ({ policies }: CheckedTree) =>
  policies?.objects.map((object) => `${refText(object)}@${object.commit}`).sort();
const errors = ({ diagnostics }: CheckedTree) =>
  diagnostics.filter(({ severity }) => severity === 'error').map(({ code, at }) => `${at.file}:${at.line} ${code}`);
const withMore = (files: Files) => ({ ...whole, ...files });
const typo = route('cart', 'shop').replace('hosts', 'hots');

describe('policy.isolate: namespace', () => {
  test('an error in the text holds back its namespace alone', () => {
    const check = createTreeCheck(options);
    expect(check(treeOf('aaa', whole)).held).toBeUndefined();
    const changed = {
      'shop/a.yaml': service('cart', 'shop').replace('80', '81'),
      'shop/b.yaml': typo,
      'bank/b.yaml': route('pay', 'bank', 'pay', 'timeout: 1s, '),
    };
    const second = check(treeOf('bbb', withMore(changed)));
    expect(errors(second)).toEqual(
      ['policies/shop/b.yaml:4 WEFT0002', 'policies/shop/b.yaml:4 WEFT0002'].slice(0, errors(second).length),
    );
    expect(second.held).toEqual([{ namespace: 'shop', commit: 'aaa' }]);
    expect(shown(second)).toEqual([
      'Service/bank/pay@aaa',
      'Service/shop/cart@aaa',
      'VirtualService/bank/pay@bbb',
      'VirtualService/shop/cart@aaa',
    ]);
    const mended = check(treeOf('ccc', withMore({ ...changed, 'shop/b.yaml': route('cart', 'shop') })));
    expect(mended.held).toBeUndefined();
    expect(shown(mended)?.[1]).toBe('Service/shop/cart@bbb');
  });

  test('without it the whole commit is held back', () => {
    const check = createTreeCheck({ ...options, isolate: 'commit' });
    check(treeOf('aaa', whole));
    expect(
      check(treeOf('bbb', withMore({ 'shop/b.yaml': typo, 'bank/c.yaml': service('new', 'bank') }))).policies,
    ).toBeUndefined();
  });

  test('before anything was good as a whole nothing is served: a namespace without its policies would be open', () => {
    const check = createTreeCheck(options);
    expect(check(treeOf('aaa', withMore({ 'shop/b.yaml': typo }))).policies).toBeUndefined();
  });

  test.each([
    ['the root namespace', 'istio-system/a.yaml', service('Bad_name', 'istio-system')],
    ['MeshConfig', 'meshconfig.yaml', 'connectTimeout: never\n'],
    ['no namespace that is known', 'loose.yaml', 'a: [\n'],
  ])('an error in %s holds back the whole commit', (_, path, text) => {
    const check = createTreeCheck(options);
    check(treeOf('aaa', whole));
    const checked = check(treeOf('bbb', withMore({ [path]: text, 'bank/c.yaml': service('new', 'bank') })));
    expect(errors(checked).length).toBeGreaterThan(0);
    expect(checked.policies).toBeUndefined();
  });

  test('a namespace that refers to what the held one does not have is held back, too, and told', () => {
    const check = createTreeCheck(options);
    check(treeOf('aaa', whole));
    const second = check(
      treeOf(
        'bbb',
        withMore({
          'shop/b.yaml': typo,
          'shop/new.yaml': service('new', 'shop'),
          'bank/b.yaml': route('pay', 'bank', 'new.shop.svc.cluster.local'),
          'third/a.yaml': service('other', 'third'),
        }),
      ),
    );
    expect(second.held).toEqual([
      { namespace: 'bank', commit: 'aaa' },
      { namespace: 'shop', commit: 'aaa' },
    ]);
    expect(errors(second)).toContainEqual('policies/bank/b.yaml:4 WEFT0101');
    const told = second.diagnostics.find(({ code }) => code === 'WEFT0101');
    expect(told?.hint).toContain('it is checked against what is served, and held back: shop (aaa)');
    expect(shown(second)).toContain('Service/third/other@bbb');
    expect(shown(second)).not.toContain('Service/shop/new@bbb');
  });

  test('who takes away what others use is held back, not they', () => {
    const check = createTreeCheck(options);
    const used = withMore({ 'bank/b.yaml': route('pay', 'bank', 'cart.shop.svc.cluster.local') });
    check(treeOf('aaa', used));
    const { 'shop/a.yaml': _, 'shop/b.yaml': __, ...gone } = used;
    const second = check(treeOf('bbb', { ...gone, 'third/a.yaml': service('other', 'third') }));
    expect(errors(second)).toContainEqual('policies/bank/b.yaml:4 WEFT0101');
    expect(second.held).toEqual([{ namespace: 'shop', commit: 'aaa' }]);
    expect(shown(second)).toEqual([
      'Service/bank/pay@aaa',
      'Service/shop/cart@aaa',
      'Service/third/other@bbb',
      'VirtualService/bank/pay@aaa',
      'VirtualService/shop/cart@aaa',
    ]);
  });

  test('a new namespace with an error stays out', () => {
    const check = createTreeCheck(options);
    check(treeOf('aaa', whole));
    const second = check(
      treeOf(
        'bbb',
        withMore({
          'third/a.yaml': 'a: [\n',
          'third/b.yaml': service('x', 'third'),
          'bank/c.yaml': service('new', 'bank'),
        }),
      ),
    );
    expect(second.held).toEqual([{ namespace: 'third' }]);
    expect(shown(second)).toHaveLength(5);
  });

  test('where all that changed is held back the commit is rejected', () => {
    const check = createTreeCheck(options);
    check(treeOf('aaa', whole));
    expect(check(treeOf('bbb', withMore({ 'shop/b.yaml': typo }))).policies).toBeUndefined();
  });
});

describe('findings of all stages come at once (section 8)', () => {
  test('references are checked beside errors of the text', () => {
    const files = withMore({ 'bank/b.yaml': route('pay', 'bank', 'nobody'), 'shop/b.yaml': typo });
    const found = errors(createTreeCheck(options)(treeOf('aaa', files)));
    expect(found).toContainEqual('policies/bank/b.yaml:4 WEFT0101');
    expect(found).toContainEqual('policies/shop/b.yaml:4 WEFT0002');
  });

  test.each([
    ['a Service with an error', 'shop/a.yaml', service('cart', 'shop').replace('selector', 'selektor')],
    ['a file that cannot be read', 'shop/a.yaml', `${service('cart', 'shop')}---\na: [\n`],
  ])('what only follows from %s is not said', (_, path, text) => {
    const found = errors(createTreeCheck(options)(treeOf('aaa', withMore({ [path]: text }))));
    expect(found.filter((one) => one.includes('WEFT01'))).toEqual([]);
    expect(found.length).toBeGreaterThan(0);
  });
});

describe('over a restart', () => {
  const commits = new Map<string, PolicyTree>();
  const put = (commit: string, files: Files) => commits.set(commit, treeOf(commit, files));
  const repositoryAt = (head: () => string): PolicyRepository => {
    const read = async (commit: string) => {
      const tree = commits.get(commit);
      if (!tree) throw new Error(`no commit ${commit}`);
      return tree;
    };
    return { location: '/p', signature: async () => head(), readHead: () => read(head()), readCommit: read };
  };
  const start = (store: ReturnType<typeof memoryStore>, head: () => string) => {
    const steps = treeCheckSteps(options);
    return startPolicySource({
      repository: repositoryAt(head),
      check: (...tree) => inSlices(steps(...tree)),
      store,
      pollMilliseconds: 3_600_000,
      isolates: true,
    });
  };

  test('what is served is the same: the last good commit of each namespace is found again', async () => {
    put('aaa', whole);
    put('bbb', withMore({ 'shop/b.yaml': typo, 'bank/b.yaml': route('pay', 'bank', 'pay', 'timeout: 1s, ') }));
    put('ccc', withMore({ 'shop/b.yaml': typo, 'bank/b.yaml': route('pay', 'bank', 'nobody') }));
    let head = 'aaa';
    const store = memoryStore();
    const first = await start(store, () => head);
    head = 'bbb';
    await first.refresh();
    expect(first.state.get()).toMatchObject({
      head: { commit: 'bbb', state: 'Partial', held: [{ namespace: 'shop', commit: 'aaa' }] },
      served: { revision: { commit: 'bbb' } },
      checks: { passed: 1, failed: 1 },
    });
    const objects = first.state.get().served?.policies.objects.map(refText);
    await first.stop();

    const again = await start(store, () => head);
    expect(again.state.get()).toMatchObject({
      head: { commit: 'bbb', state: 'Partial' },
      served: { revision: { commit: 'bbb' } },
    });
    expect(again.state.get().served?.policies.objects.map(refText)).toEqual(objects);
    head = 'ccc';
    await again.refresh();
    expect(again.state.get()).toMatchObject({
      head: { commit: 'ccc', state: 'Rejected' },
      served: { revision: { commit: 'bbb', state: 'Partial', held: [{ namespace: 'shop', commit: 'aaa' }] } },
    });
    await again.stop();

    const onBad = await start(store, () => head);
    expect(onBad.state.get()).toMatchObject({
      head: { commit: 'ccc', state: 'Rejected' },
      served: { revision: { commit: 'bbb', state: 'Partial', held: [{ namespace: 'shop', commit: 'aaa' }] } },
    });
    const timeouts = onBad.state
      .get()
      .served?.policies.objects.flatMap((object) =>
        object.kind === 'VirtualService' ? [`${object.name} ${object.spec.http[0]?.timeout} ${object.commit}`] : [],
      );
    expect(timeouts).toEqual(['pay 1000 bbb', 'cart undefined aaa']);
    await onBad.stop();
  });

  test('a commit that is gone leaves nothing to go back to', async () => {
    put('aaa', whole);
    put('bbb', withMore({ 'shop/b.yaml': typo, 'bank/c.yaml': service('new', 'bank') }));
    let head = 'aaa';
    const store = memoryStore();
    const first = await start(store, () => head);
    head = 'bbb';
    await first.refresh();
    await first.stop();
    commits.delete('aaa');
    const again = await start(store, () => head);
    expect(again.state.get()).toMatchObject({ head: { commit: 'bbb', state: 'Rejected' } });
    expect(again.state.get().served).toBeUndefined();
    await again.stop();
  });
});

test('weft status says what is held back, and that a commit that is served in part is never served whole', async () => {
  const held = [{ namespace: 'bank' }, { namespace: 'shop', commit: 'aaa' }];
  expect(heldNote({ held })).toBe('  held back: bank (nothing of it served), shop at aaa');
  expect(heldNote({})).toBe('');
  const revision = { commit: 'bbb', author: 'Ana', subject: 's', time: '', errors: 0, warnings: 0 };
  const order = ['aaa', 'bbb', 'ccc'];
  const ask = async (serving: RevisionStatus, commit: string) => {
    const status = { repository: '/r', serving, objects: 0, files: 0 };
    const source = fakeSource({
      policies: () => ({ status, history: [], diagnostics: [] }),
      proxies: () => [],
      includes: async (later, earlier) => order.indexOf(later) >= order.indexOf(earlier),
    });
    return (await commitAnswer(source, commit)).state;
  };
  const whole = { ...revision, state: 'Applied' as const };
  const part = { ...revision, state: 'Partial' as const, held };
  expect([await ask(whole, 'bbb'), await ask(part, 'bbb')]).toEqual(['served', 'never']);
  // Of an earlier one the same is missing, and a later one may bring it; what shop is held back at has it.
  expect([await ask(whole, 'aaa'), await ask(part, 'aaa'), await ask(whole, 'ccc')]).toEqual([
    'served',
    'waiting',
    'waiting',
  ]);
  expect(await ask({ ...part, held: held.slice(1) }, 'aaa')).toBe('served');
});
