import { describe, expect, test } from 'vitest';
import { RefusingSetClient } from '../support/refusing-set-client.ts';
import { content, ScriptedClient } from '../support/xds-scripted-client.ts';

const names = Array.from({ length: 40 }, (_, index) => `n${String(index).padStart(2, '0')}`);
const mesh = (mark: string, bad: readonly string[] = []) =>
  names.map((name) => `${name}=${bad.includes(name) ? 'bad' : mark}`);
/** Culprits that are spread, and culprits side by side. */
const cases: readonly (readonly string[])[] = [
  ['n00'],
  ['n17'],
  ['n39'],
  ['n03', 'n31'],
  ['n20', 'n21'],
  ['n01', 'n08', 'n19', 'n20', 'n38'],
];

describe.each(['CDS', 'LDS'] as const)('sets of %s that are refused without a name', (type) => {
  const settled = (client: RefusingSetClient, differing: number) => {
    const { suspects, pending, differs, inFlight } = client.subscription;
    expect([suspects, pending.size, differs.size, inFlight]).toEqual([undefined, 0, differing, undefined]);
    expect(client.script.wait(3_600_000)).toEqual([]);
  };

  test.each(cases.map((bad) => [bad]))('X38 X44 M3 of 40 that changed only %j stay as they were', (bad) => {
    const client = new RefusingSetClient(type);
    client.set(mesh('1'));
    client.set(mesh('2', bad));
    expect(client.holds).toEqual(names.map((name) => `${name}=${bad.includes(name) ? 1 : 2}`));
    expect([...client.convicted].sort()).toEqual(bad);
    // Each culprit takes a way down through the halves, and a look at what is left.
    expect(client.sets.length - 1).toBeLessThanOrEqual(2 + bad.length * (Math.ceil(Math.log2(40)) + 2));
    expect(bad).toContain(client.subscription.rejection?.names.join());
    settled(client, bad.length);
    const before = client.sets.length;
    client.set(mesh('3'));
    expect(client.holds).toEqual(mesh('3'));
    expect([client.sets.length - before, client.subscription.rejection]).toEqual([1, undefined]);
    settled(client, 0);
  });

  test.each(cases.map((bad) => [bad]))('X44 M3 of a first set of 40 only %j are left out', (bad) => {
    const client = new RefusingSetClient(type);
    client.set(mesh('1', bad));
    expect(client.holds).toEqual(mesh('1').filter((word) => !bad.includes(word.slice(0, 3))));
    expect([...client.convicted].sort()).toEqual(bad);
    settled(client, bad.length);
  });

  test('X38 a set that was refused is not repeated, no name is taken back, and no culprit is told again once it is known', () => {
    const client = new RefusingSetClient(type);
    client.set(mesh('1'));
    const known: (readonly string[])[] = [];
    client.set(mesh('2', ['n05', 'n25']), () => void known.push(client.convicted));
    const all = client.sets.map(({ words }) => words.join());
    expect(new Set(all).size).toBe(all.length);
    const [, ...searched] = client.sets;
    for (const [place, name] of names.entries()) {
      // Every set has every name, since the client holds something of each.
      const forms = searched.map(({ words, taken }) => ({ form: words[place], taken }));
      const since = forms.findIndex(({ form, taken }) => taken && form === `${name}=2`);
      const convictedAt = known.findIndex((convicted) => convicted.includes(name));
      const isCulprit = ['n05', 'n25'].includes(name);
      expect([name, since < 0, convictedAt >= 0]).toEqual([name, isCulprit, isCulprit]);
      const settledForm = `${name}=${isCulprit ? 1 : 2}`;
      for (const { form } of forms.slice(isCulprit ? convictedAt : since)) expect(form).toBe(settledForm);
    }
  });

  test('M3 a suspect that changes meanwhile, and a culprit that is mended, wait until the search is over, and go together', () => {
    const client = new RefusingSetClient(type);
    client.set(mesh('1'));
    const mended = mesh('2').with(30, 'n30=3');
    client.set(mesh('2', ['n25']), (count) => (count === 3 ? mended : undefined));
    expect([client.holds, client.convicted]).toEqual([mended, []]);
    const later = client.sets
      .slice(4)
      .map(({ words, taken }) => [words.includes('n30=3'), words.includes('n25=2'), taken]);
    expect(later.at(-1)).toEqual([true, true, true]);
    expect(later.slice(0, -1).every(([news, good]) => !news && !good)).toBe(true);
    expect(client.subscription.rejection).toBeUndefined();
    settled(client, 0);
  });

  test('M3 a change that comes during the search is told after it, and may itself be to blame', () => {
    const client = new RefusingSetClient(type);
    client.set(mesh('1'));
    const worse = mesh('2', ['n25', 'n30']);
    client.set(mesh('2', ['n25']).with(30, 'n30=1'), (count) => (count === 2 ? worse : undefined));
    expect([...client.convicted].sort()).toEqual(['n25', 'n30']);
    expect(client.holds).toEqual(names.map((name) => `${name}=${['n25', 'n30'].includes(name) ? 1 : 2}`));
    settled(client, 2);
  });

  test('M3 what changes back is no suspect any more', () => {
    const client = new RefusingSetClient(type);
    client.set(mesh('1'));
    client.set(mesh('2', ['n25']), (count) => (count === 1 ? mesh('1') : undefined));
    expect([client.holds, client.convicted, client.subscription.rejection]).toEqual([mesh('1'), [], undefined]);
    settled(client, 0);
  });

  test('M3 two that do not go together: the one that was taken first stays', () => {
    const both = ['n10=2', 'n30=2'];
    const client = new RefusingSetClient(type, (words) => !both.every((word) => words.includes(word)));
    client.set(mesh('1'));
    client.set(mesh('2'));
    expect([client.holds, client.convicted]).toEqual([mesh('2').with(30, 'n30=1'), ['n30']]);
    settled(client, 1);
  });

  test('X48 what is not subscribed any more is no suspect', () => {
    const client = new RefusingSetClient(type);
    client.set(mesh('1'));
    const { script } = client;
    script.set({ [type]: mesh('2', ['n25']).join(' ') });
    script.ask(type, ['n00', 'n01']);
    expect(script.nack(type, 'no')).toEqual([`${type} n00=2 n01=1`]);
    expect(script.ack(type)).toEqual([`${type} n00=2 n01=2`]);
    script.ack(type);
    expect(client.convicted).toEqual([]);
    settled(client, 0);
  });
});

describe('removals in a set that is refused without a name', () => {
  test('M5 a listener that takes the place of another is not tried beside it', () => {
    // Both stand for the same address.
    const client = new RefusingSetClient(
      'LDS',
      (words) => !words.includes('z=bad') && !['new=1', 'old=1'].every((word) => words.includes(word)),
    );
    client.set(['a=1', 'old=1', 'z=1']);
    client.set(['a=2', 'new=1', 'z=bad']);
    expect([client.holds, client.convicted]).toEqual([['a=2', 'new=1', 'z=1'], ['z']]);
  });

  test('M5 a removal that is refused is not said again, and everything else goes through', () => {
    const client = new RefusingSetClient('LDS', (words) => words.some((word) => word.startsWith('kept=')));
    client.set(['a=1', 'b=1', 'kept=1', 'other=1']);
    client.set(['a=2', 'b=1', 'c=1']);
    expect(client.holds).toEqual(['a=2', 'b=1', 'c=1', 'kept=1']);
    expect(client.subscription.rejection?.names).toEqual(['kept']);
    expect(client.script.wait(3_600_000)).toEqual([]);
    const before = client.sets.length;
    client.set(['a=3', 'b=1', 'c=1']);
    expect([client.holds, client.sets.length - before]).toEqual([['a=3', 'b=1', 'c=1', 'kept=1'], 1]);
    client.set(['a=3', 'b=1', 'c=1', 'kept=2']);
    expect([client.holds.at(-1), client.subscription.rejection]).toEqual(['kept=2', undefined]);
  });

  test('X38 X44 M3 listeners that waited for a cluster that was refused do not wait again for each set of the search', () => {
    const client = new ScriptedClient('sotw');
    client.set({ CDS: 'x=1', LDS: 'l=1>x m=1>x' });
    client.ask('CDS', []);
    client.ack('CDS');
    client.ask('LDS', []);
    client.ack('LDS');
    client.set({ CDS: 'x=1 y=bad', LDS: 'l=bad>y m=2>y' });
    client.nack('CDS', 'Error adding/updating cluster(s) y: REASON');
    expect(client.wait(4_999)).toEqual([]);
    expect(client.wait(1)).toEqual(['LDS l=bad m=2']);
    expect(client.nack('LDS', 'missing ): (')).toEqual(['LDS l=bad m=1']);
    expect(client.nack('LDS', 'missing ): (')).toEqual(['LDS l=1 m=2']);
    expect([...client.ack('LDS'), ...client.wait(3_600_000)]).toEqual([]);
  });

  test('X92 M5 a cluster that goes meanwhile stays until the search is over, and for its grace', () => {
    const client = new RefusingSetClient('CDS');
    client.set(['a=1', 'b=1', 'gone=1']);
    client.set(['a=bad', 'b=2']);
    expect(client.holds).toEqual(['a=1', 'b=2', 'gone=1']);
    expect(client.script.wait(5_000)).toEqual(['CDS a=1 b=2']);
    client.script.ack('CDS');
    expect([client.convicted, client.script.wait(3_600_000)]).toEqual([['a'], []]);
  });
});

test('X38 a form that stands in for what an equal client refused, and is refused itself, is not told again', () => {
  const client = new RefusingSetClient('CDS', (words) => !words.includes('a=0'));
  client.set(['b=1']);
  const [good] = content({ CDS: 'a=0' });
  client.script.quarantine = {
    epoch: 0,
    added: 0,
    withholds: () => true,
    find: ({ value }) => (Buffer.from(value).toString() === 'a=1' ? { good } : undefined),
  };
  client.set(['a=1', 'b=2']);
  expect([client.holds, client.convicted]).toEqual([['b=2'], ['a']]);
  const before = client.sets.length;
  client.set(['a=1', 'b=3']);
  expect([client.holds, client.sets.length - before]).toEqual([['b=3'], 1]);
});

test('X38 in delta, too, such a form is told once', () => {
  const client = new ScriptedClient('delta');
  client.set({});
  client.ask('CDS', []);
  client.ack('CDS');
  const [good] = content({ CDS: 'a=0' });
  client.quarantine = { epoch: 0, added: 0, withholds: () => true, find: () => ({ good }) };
  expect(client.set({ CDS: 'a=1' })).toEqual(['CDS a=0']);
  expect(client.nack('CDS', 'no')).toEqual([]);
  expect(client.ask('CDS', ['*', 'a'])).toEqual(['CDS -a']);
});
