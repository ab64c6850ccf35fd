import { describe, expect, test } from 'vitest';
import { createTreeCheck } from '../../src/control-plane/check-tree.ts';
import { grantedHosts } from '../../src/control-plane/granted-hosts.ts';
import type { CheckedTree } from '../../src/control-plane/policy-source.ts';
import { startPolicySource } from '../../src/control-plane/policy-source.ts';
import { checkedWith, createRegistryKnowledge } from '../../src/control-plane/registry-knowledge.ts';
import { createCell } from '../../src/model/readable.ts';
import type { Workload } from '../../src/model/workload.ts';
import { createKnownServices } from '../../src/registry/known-services.ts';
import { fakeClock } from '../support/fake-clock.ts';
import { memoryStore } from '../support/memory-store.ts';
import { byId, settings, workload } from '../support/registry-values.ts';

/** Decision 47: verdicts follow the commit and what the state directory remembers, never who is away just now. */
type Files = Readonly<Record<string, string>>;

const networking = (kind: string, name: string, spec: string) =>
  `apiVersion: networking.istio.io/v1\nkind: ${kind}\nmetadata: { name: ${name} }\nspec: ${spec}\n---\n`;
const route = (destination: string, more = '', name = 'catalog', hosts = 'catalog') =>
  networking(
    'VirtualService',
    name,
    `{ hosts: [${hosts}], http: [{ ${more}route: [{ destination: { ${destination} } }] }] }`,
  );
const service = (name: string) =>
  `apiVersion: v1\nkind: Service\nmetadata: { name: ${name} }\nspec: { selector: { app: ${name} }, ports: [{ name: http, port: 9080 }] }\n---\n`;
const reviews = workload('reviews-1', 'reviews', 19_080);
const catalog = workload('catalog-1', 'catalog', 19_081);
const withPorts = (name: string, of: string, ...ports: readonly (readonly [number, 'http' | 'tcp'])[]) =>
  workload(name, of, 19_100, { ports: ports.map(([port, protocol]) => ({ port, endpointPort: port, protocol })) });

/** A control plane with its memory; `restart` makes another one of the same state directory. */
async function controlPlane(
  store = memoryStore(),
  members: readonly Workload[] = [],
  expected: readonly string[] = [],
) {
  const joined = createCell<ReadonlyMap<string, Workload>>(byId(...members));
  const known = createKnownServices({ store, clock: fakeClock(), settings, joined });
  await known.restore();
  const check = createTreeCheck({
    settings,
    folders: 'namespace',
    root: 'policies',
    joined: () => (known.away().isHistory ? joined.get() : undefined),
    away: known.away,
    expected: () => new Set(expected.map((name) => `${name}.shop.svc.cluster.local`)),
  });
  return {
    commit: (files: Files) => check(treeOf(files)),
    check,
    away: known.away,
    present: () => joined.get(),
    expected: new Set(expected.map((name) => `${name}.shop.svc.cluster.local`)),
    join: (...more: readonly Workload[]) => joined.set(new Map([...joined.get(), ...byId(...more)])),
    leave: (...gone: readonly Workload[]) => {
      const rest = new Map(joined.get());
      for (const { id } of gone) rest.delete(id);
      joined.set(rest);
    },
    restart: async () => {
      await known.close();
      return controlPlane(store, [...joined.get().values()], expected);
    },
  };
}

const treeOf = (files: Files) => ({
  commit: JSON.stringify(files),
  files: Object.entries(files).map(([name, text]) => ({ path: `policies/shop/${name}.yaml`, text })),
  diagnostics: [],
  author: 'Ana',
  subject: 's',
  time: 0,
});
const told = ({ diagnostics }: CheckedTree) =>
  diagnostics
    .filter(({ severity }) => severity !== 'info')
    .map(({ severity, code, field }) => `${severity} ${code} ${field}`);
const destination = 'spec.http[0].route[0].destination';

describe('a service that was there and is away', () => {
  const rule = route('host: reviews');
  const away = [`warning WEFT0101 ${destination}.host`];

  test('new rules to it are warned about, whatever stood before', async () => {
    const plane = await controlPlane(undefined, [reviews, catalog]);
    plane.leave(reviews);
    expect(told(plane.commit({ a: rule }))).toEqual(away);
    expect(plane.commit({ a: rule }).diagnostics[0]).toMatchObject({
      message: 'no workload of service "reviews" is here now',
      hint: 'start one (weft run -n shop --service reviews), declare a Service, or correct the name',
    });
  });

  test.each<readonly [string, string]>([
    ['touched', `# a remark\n${route('host: reviews', 'timeout: 1s, ')}`],
    ['renamed', route('host: reviews', '', 'other')],
    ['mirrored', route('host: catalog', 'mirror: { host: reviews }, ')],
    ['with its last port', route('host: reviews, port: { number: 9080 }')],
  ])('%s', async (_, text) => {
    const plane = await controlPlane(undefined, [reviews, catalog]);
    expect(told(plane.commit({ a: rule }))).toEqual([]);
    plane.leave(reviews);
    const here = plane.commit({ a: text });
    expect(here.policies).toBeDefined();
    expect(told(here)).toEqual([expect.stringMatching(/^warning WEFT0101 /)]);
    const after = await (await plane.restart()).commit({ a: text });
    expect(told(after)).toEqual(told(here));
  });

  test('after a restart, though nobody is there at all', async () => {
    const plane = await controlPlane(undefined, [reviews, catalog]);
    plane.leave(reviews, catalog);
    const again = await plane.restart();
    expect(told(again.commit({ a: rule, b: route('host: rewievs', '', 'b', 'x.example') }))).toEqual([
      'warning WEFT0101 spec.hosts[0]',
      `warning WEFT0101 ${destination}.host`,
      `error WEFT0101 ${destination}.host`,
    ]);
  });

  test('beside an unrelated change', async () => {
    const plane = await controlPlane(undefined, [reviews, catalog]);
    plane.commit({ a: rule });
    plane.leave(reviews);
    expect(told(plane.commit({ a: rule, b: service('db') }))).toContain(away[0]);
    expect(plane.commit({ a: rule, b: service('db') }).policies).toBeDefined();
  });

  test('a name that is like it is an error with the right one, also where the rule stood', async () => {
    const plane = await controlPlane(undefined, [reviews, catalog]);
    plane.commit({ a: rule });
    plane.leave(reviews);
    plane.commit({ a: rule, b: service('db') });
    const { policies, diagnostics } = plane.commit({ a: route('host: rewievs') });
    expect(policies).toBeUndefined();
    expect(diagnostics.filter(({ severity }) => severity === 'error')).toEqual([
      expect.objectContaining({ code: 'WEFT0101', hint: 'did you mean "reviews"?' }),
    ]);
  });

  test('its Sidecar import, DestinationRule and hosts are warnings', async () => {
    const plane = await controlPlane(undefined, [reviews, catalog]);
    plane.leave(reviews);
    const found = plane.commit({
      a: networking('Sidecar', 'default', '{ egress: [{ hosts: ["./reviews.shop.svc.cluster.local"] }] }'),
      b: networking(
        'DestinationRule',
        'r',
        '{ host: reviews, trafficPolicy: { connectionPool: { tcp: { maxConnections: 9 } } } }',
      ),
      c: route('host: reviews', '', 'r', 'reviews'),
    });
    expect(told(found)).toEqual([
      'warning WEFT0174 spec.egress[0].hosts[0]',
      'warning WEFT0174 spec.host',
      'warning WEFT0101 spec.hosts[0]',
      `warning WEFT0101 ${destination}.host`,
    ]);
  });

  test('a name with a dot stays the error that it is while the service is there', async () => {
    const plane = await controlPlane(undefined, [reviews, catalog]);
    const text = { a: route('host: reviews.shop') };
    const here = told(plane.commit(text));
    expect(here).toEqual([`error WEFT0102 ${destination}.host`]);
    plane.leave(reviews);
    expect(told(plane.commit(text))).toEqual(here);
    expect(told((await plane.restart()).commit(text))).toEqual(here);
  });
});

describe('ports', () => {
  const two = withPorts('reviews-2', 'reviews', [9081, 'http']);

  test('of workloads that have left', async () => {
    const plane = await controlPlane(undefined, [reviews, two, catalog]);
    plane.leave(two);
    const text = { a: route('host: reviews, port: { number: 9081 }') };
    expect(told(plane.commit(text))).toEqual([`warning WEFT0113 ${destination}.port.number`]);
    expect(told((await plane.restart()).commit(text))).toEqual([`warning WEFT0113 ${destination}.port.number`]);
    const wrong = { a: route('host: reviews, port: { number: 9082 }') };
    expect(told(plane.commit(wrong))).toEqual([`error WEFT0113 ${destination}.port.number`]);
  });

  test('another way round: of what only the one who stayed has, nothing is told', async () => {
    const plane = await controlPlane(undefined, [reviews, two, catalog]);
    plane.leave(reviews);
    expect(told(plane.commit({ a: route('host: reviews, port: { number: 9081 }') }))).toEqual([]);
    expect(told(plane.commit({ a: route('host: reviews') }))).toEqual([]);
  });

  test('a layer that nobody has any more', async () => {
    const plane = await controlPlane(undefined, [reviews, catalog, withPorts('reviews-3', 'reviews', [5000, 'tcp'])]);
    plane.leave(reviews);
    expect(told(plane.commit({ a: route('host: catalog', '', 'r', 'reviews') }))).toEqual([
      'warning WEFT0136 spec.hosts[0]',
    ]);
    const other = await controlPlane(undefined, [withPorts('reviews-3', 'reviews', [5000, 'tcp']), catalog]);
    expect(told(other.commit({ a: route('host: catalog', '', 'r', 'reviews') }))).toEqual([
      'error WEFT0136 spec.hosts[0]',
    ]);
  });
});

describe('what a workload makes wrong by coming holds back no commit', () => {
  const unrelated = { z: service('db') };
  const accepted = (text: string, before: readonly Workload[], come: readonly Workload[], ...more: readonly string[]) =>
    [text, before, come, more] as const;

  test.each<readonly [string, ReturnType<typeof accepted>, string]>([
    [
      'a second port',
      accepted(
        route('host: reviews'),
        [reviews, catalog],
        [withPorts('reviews-2', 'reviews', [9081, 'http']), withPorts('catalog-2', 'catalog', [7777, 'http'])],
      ),
      `WEFT0112 ${destination}.host`,
    ],
    [
      'a name with a dot',
      accepted(route('host: catalog', '', 'r', 'reviews.shop'), [catalog], [reviews]),
      'WEFT0102 spec.hosts[0]',
    ],
    [
      'a mirror that is not imported',
      accepted(
        networking('Sidecar', 'default', '{ egress: [{ hosts: ["./catalog.shop.svc.cluster.local"] }] }') +
          route('host: catalog', 'mirror: { host: reviews }, '),
        [],
        [catalog, reviews],
      ),
      'WEFT0114 spec.http[0].mirror.host',
    ],
  ])('%s', async (_, [text, before, come], code) => {
    const plane = await controlPlane(undefined, before);
    expect(plane.commit({ a: text }).policies).toBeDefined();
    plane.join(...come);
    const same = plane.commit({ a: text });
    expect(told(same)).toContain(`warning ${code}`);
    expect(
      same.diagnostics.find(({ severity, code: of }) => severity === 'warning' && code.startsWith(of))?.hint,
    ).toMatch(/; what is served has it, too, so it holds nothing back$/);
    for (const files of [{ a: text, ...unrelated }, { a: `# touched\n${text}` }]) {
      expect(plane.commit(files).policies).toBeDefined();
    }
    // Whoever writes it anew is told.
    const fresh = plane.commit({ a: text.replaceAll(/name: (?:catalog|r) /g, 'name: fresh ') });
    expect(told(fresh).some((each) => each.startsWith('error'))).toBe(true);
  });
});

describe('services that were written', () => {
  test('one that this commit removes is missed, whether or not its workloads are there', async () => {
    for (const members of [[catalog], [catalog, workload('reviews-9', 'other', 1, { labels: { app: 'reviews' } })]]) {
      const plane = await controlPlane(undefined, members);
      plane.commit({ a: route('host: reviews'), s: service('reviews') });
      const removed = plane.commit({ a: route('host: reviews') });
      expect(removed.policies).toBeUndefined();
      expect(told(removed)).toEqual([`error WEFT0101 ${destination}.host`]);
    }
  });

  test('one as which workloads join by its name is implied when it goes, also while they are away', async () => {
    const plane = await controlPlane(undefined, [reviews, catalog]);
    plane.commit({ a: route('host: reviews'), s: service('reviews') });
    expect(told(plane.commit({ a: route('host: reviews') }))).toEqual([]);
    plane.commit({ a: route('host: reviews'), s: service('reviews') });
    plane.leave(reviews);
    expect(told(plane.commit({ a: route('host: reviews') }))).toEqual([`warning WEFT0101 ${destination}.host`]);
  });

  test('a joined name in whose place a Service of another name stands is none, here or away', async () => {
    const plane = await controlPlane(undefined, [reviews, catalog]);
    const files = {
      a: route('host: reviews'),
      s: service('web').replace('app: web', 'app: reviews'),
    };
    expect(told(plane.commit(files))).toEqual([`error WEFT0101 ${destination}.host`]);
    plane.leave(reviews);
    expect(told(plane.commit(files))).toContain(`error WEFT0101 ${destination}.host`);
  });
});

describe('a service for which there is a token alone', () => {
  test('is a warning, with any port, and a like name is an error', async () => {
    const plane = await controlPlane(undefined, [catalog], ['reviews']);
    const found = plane.commit({ a: route('host: reviews, port: { number: 1234 }') });
    expect(told(found)).toEqual([`warning WEFT0101 ${destination}.host`]);
    expect(found.diagnostics[0]?.message).toBe(
      'no workload of service "reviews" has come yet, though a token is for it',
    );
    expect(told(plane.commit({ a: route('host: rewievs') }))).toEqual([`error WEFT0101 ${destination}.host`]);
  });

  test('as long as one is good', () => {
    const grant = {
      role: 'workload',
      namespace: 'shop',
      serviceAccount: 'a',
      service: 'pay',
      addresses: [],
      ports: [],
    } as const;
    const list = () =>
      ['good', 'bad'].map((id) => ({ id, grant: { ...grant, service: id }, createdAt: 0, createdBy: '' }));
    const standing = (id: string) =>
      id === 'good' ? undefined : ({ code: 'WEFT0203', reason: 'revoked', message: '', hint: '' } as const);
    expect(grantedHosts({ list, standing }, settings)).toEqual(new Set(['good.shop.svc.cluster.local']));
  });
});

test('before anybody has ever joined nothing is held against a commit; a name that never came is an error afterwards', async () => {
  const plane = await controlPlane();
  expect(told(plane.commit({ a: route('host: rewievs') }))).toEqual([
    'warning WEFT0101 spec.hosts[0]',
    `warning WEFT0101 ${destination}.host`,
  ]);
  const later = await controlPlane(undefined, [catalog]);
  expect(told(later.commit({ a: route('host: rewievs') }))).toEqual([`error WEFT0101 ${destination}.host`]);
});

describe('a misspelt name in what was taken before anybody joined', () => {
  const typo = route('host: rewievs');
  const wrong = [`error WEFT0101 ${destination}.host`];

  test('is an error from the first join on, with what else there is', async () => {
    const plane = await controlPlane();
    expect(plane.commit({ a: typo }).policies).toBeDefined();
    plane.join(reviews, catalog);
    const again = plane.commit({ a: typo });
    expect(told(again)).toEqual(wrong);
    expect(again.diagnostics.find(({ code }) => code === 'WEFT0101')?.hint).toBe('did you mean "reviews"?');
    expect(plane.commit({ a: typo, z: service('db') }).policies).toBeUndefined();
    expect(plane.commit({ a: route('host: reviews') }).policies).toBeDefined();
    expect(told(plane.commit({ a: typo }))).toEqual(wrong);
  });

  test('and after a restart, which keeps what is served', async () => {
    const store = memoryStore();
    const start = async (files: Files, commit: string, members: readonly Workload[]) => {
      const plane = await controlPlane(store, []);
      const source = await startPolicySource({
        repository: {
          location: '/p',
          signature: async () => 'x',
          readHead: async () => ({ ...treeOf(files), commit }),
          readCommit: async (of) => ({ ...treeOf({ a: typo }), commit: of }),
        },
        check: plane.check,
        store,
        pollMilliseconds: 60_000,
      });
      plane.join(...members);
      await source.recheck();
      await source.stop();
      await plane.restart();
      const { head, served, diagnostics } = source.state.get();
      return { head: head?.state, served: served?.revision.commit, told: told({ policies: undefined, diagnostics }) };
    };
    const joined = [reviews, catalog];
    const accepted = { head: 'Applied', served: 'one', told: wrong };
    expect(await start({ a: typo }, 'one', joined)).toEqual(accepted);
    expect(await start({ a: typo }, 'one', joined)).toEqual(accepted);
    const next = await start({ a: typo, z: service('db') }, 'two', joined);
    expect(next).toMatchObject({ head: 'Rejected', served: 'one' });
    expect(next.told).toContain(wrong[0]);
  });
});

test('who checks a commit with what the server says it knows judges as the server does', async () => {
  const plane = await controlPlane(undefined, [reviews, catalog, workload('db-1', 'db', 19_090)], ['pay']);
  const two = networking('VirtualService', 'd', '{ hosts: [db], http: [{ route: [{ destination: { host: db } }] }] }');
  const first = plane.commit({ a: two });
  expect(first.policies).toBeDefined();
  plane.leave(reviews);
  plane.join(withPorts('db-2', 'db', [9081, 'http'], [7777, 'http']));
  const against = () => ({ settings, joined: () => plane.present(), away: plane.away(), expected: plane.expected });
  const { policies } = first;
  const revision = {
    commit: 'c',
    author: '',
    subject: '',
    time: '',
    state: 'Applied',
    errors: 0,
    warnings: 0,
  } as const;
  const letIn = { callers: [], allowing: [] };
  const served = () => policies && { policies, revision, files: 1 };
  const knowledge = createRegistryKnowledge(served, against, () => letIn)();
  const said = JSON.parse(JSON.stringify(knowledge));
  for (const text of [
    'host: reviews',
    'host: pay',
    'host: rewievs',
    'host: db',
    'host: reviews, port: { number: 1 }',
  ]) {
    const files = { a: two, b: route(text) };
    const elsewhere = createTreeCheck({
      settings,
      folders: 'namespace',
      root: 'policies',
      joined: () => plane.present(),
      ...checkedWith(said),
    });
    const here = plane.commit(files);
    const there = elsewhere(treeOf(files));
    expect(told(there), text).toEqual(told(here));
    // The next one is asked beside the same commit.
    plane.commit({ a: two });
  }
});

test('a standing error excuses as many fields as have it, not a new one of the same words', async () => {
  const plane = await controlPlane(undefined, [reviews, catalog]);
  const rules = (...all: readonly string[]) =>
    networking('VirtualService', 'c', `{ hosts: [catalog], http: [${all.join()}] }`);
  const rule = (more: string) => `{ ${more}, route: [{ destination: { host: reviews } }] }`;
  const [old, fresh] = [rule('timeout: 1s'), rule('match: [{ uri: { prefix: /new } }]')];
  expect(plane.commit({ a: rules(old) }).policies).toBeDefined();
  plane.join(withPorts('reviews-2', 'reviews', [9081, 'http']), withPorts('catalog-2', 'catalog', [7777, 'http']));
  expect(plane.commit({ a: rules(fresh, old) }).policies).toBeUndefined();
  expect(
    plane.commit({ a: rules(rule('match: [{ uri: { prefix: /catalog } }], timeout: 2s')) }).policies,
  ).toBeDefined();
  const moved = rules('{ match: [{ uri: { prefix: /x } }], route: [{ destination: { host: catalog } }] }', old);
  expect(told(plane.commit({ a: moved }))).toContain('warning WEFT0112 spec.http[1].route[0].destination.host');
});

test('a head that came while the server was down is judged beside what was served', async () => {
  const store = memoryStore();
  const text = route('host: reviews');
  const start = async (files: Files, members: readonly Workload[], seenBefore: Files = files) => {
    const plane = await controlPlane(store, members);
    const source = await startPolicySource({
      repository: {
        location: '/p',
        signature: async () => 'x',
        readHead: async () => ({ ...treeOf(files), commit: `c${Object.keys(files).length}` }),
        readCommit: async (commit) => ({ ...treeOf(seenBefore), commit }),
      },
      check: plane.check,
      store,
      pollMilliseconds: 60_000,
    });
    await source.stop();
    await plane.restart();
    return source.state.get().head?.state;
  };
  const more = withPorts('reviews-2', 'reviews', [9081, 'http']);
  const other = withPorts('catalog-2', 'catalog', [7777, 'http']);
  expect(await start({ a: text }, [reviews, catalog])).toBe('Applied');
  expect(await start({ a: text, z: service('db') }, [reviews, more, catalog, other], { a: text })).toBe('Applied');
});
