import { describe, expect, test } from 'vitest';
import type { Quarantined } from '../../src/xds/respond.ts';
import type { Variant } from '../../src/xds/subscription.ts';
import { RefusingSetClient } from '../support/refusing-set-client.ts';
import { ScriptedClient, type TypeName } from '../support/xds-scripted-client.ts';

/** What is told: the same in both variants, or what each of them says instead. */
type Told = readonly string[] | Readonly<Record<Variant, readonly string[]>>;

describe.each(['delta', 'sotw'] as const)('nobody waits for ever in %s', (variant) => {
  const says = (told: readonly string[], expected: Told) =>
    expect(told).toEqual('delta' in expected ? expected[variant] : expected);
  /** A client that has acknowledged what it asked for. */
  const settled = (lines: Parameters<ScriptedClient['set']>[0], asks: Partial<Record<TypeName, readonly string[]>>) => {
    const client = new ScriptedClient(variant);
    client.set(lines);
    for (const [type, names] of Object.entries(asks) as [TypeName, readonly string[]][]) {
      client.ask(type, names);
      client.ack(type);
    }
    return client;
  };
  const refusedElsewhere = (found: Quarantined): ScriptedClient['quarantine'] => ({
    epoch: 0,
    added: 1,
    withholds: () => true,
    find: ({ value }) => (Buffer.from(value).toString().endsWith('=bad') ? found : undefined),
  });

  test('X90 X115 M4 of what an equal client refused, with no good form, it is said what stands for it', () => {
    const client = new ScriptedClient(variant);
    client.quarantine = refusedElsewhere({ good: undefined });
    client.set({ EDS: 'e=bad', RTDS: 't=bad', RDS: 'r=bad' });
    says(client.ask('EDS', ['e']), { delta: ['EDS -e'], sotw: ['EDS e=empty'] });
    says(client.ask('RTDS', ['t']), ['RTDS t=empty']);
    // SotW has no word for a route that is not there.
    says(client.ask('RDS', ['r']), { delta: ['RDS -r'], sotw: [] });
    says(client.ack('EDS'), []);
    says(client.ack('RTDS'), []);
    if (variant === 'delta') client.ack('RDS');
    says(client.set({ EDS: 'e=1', RTDS: 't=1', RDS: 'r=1' }), ['EDS e=1', 'RDS r=1', 'RTDS t=1']);
  });

  test('X90 X115 who holds something keeps it', () => {
    const client = settled({ EDS: 'e=1', RTDS: 't=1' }, { EDS: ['e'], RTDS: ['t'] });
    client.quarantine = refusedElsewhere({ good: undefined });
    says(client.set({ EDS: 'e=bad', RTDS: 't=bad' }), []);
    says(client.askAgain('EDS', 'e'), { delta: ['EDS e=1'], sotw: [] });
  });

  test('X92 X114 what an extension alone referred to goes once its new form is accepted', () => {
    const asks = { CDS: [], SDS: ['k', 'm'], ECDS: ['e', 'f'] };
    const client = settled({ CDS: 'x=1 y=1', SDS: 'k=1 m=1', ECDS: 'e=1>x f=1>SDS:k' }, asks);
    client.ack('SDS');
    client.ack('ECDS');
    // Secrets and extensions travel one by one.
    const told = client.set({ CDS: 'y=1', SDS: 'm=1', ECDS: 'e=2>y f=2>SDS:m' });
    const all = [...told, ...client.ack('ECDS'), ...client.ack('ECDS')];
    says(all.sort(), { delta: ['ECDS e=2', 'ECDS f=2', 'SDS -k'], sotw: ['ECDS e=2', 'ECDS f=2'] });
    client.ack('SDS');
    says(client.wait(5_000), { delta: ['CDS -x'], sotw: ['CDS y=1'] });
  });

  test.each(['EDS', 'SDS'] as const)(
    'X108 of %s that stay a client hears in time, though others change with every answer',
    (type) => {
      const client = new ScriptedClient(variant, { ttl: true });
      client.set({ [type]: 'a=1! b=0' });
      client.ask(type, ['a', 'b']);
      for (let count = 0; count < 3; count += 1) client.ack(type);
      const heard: number[] = [];
      let changes = 0;
      for (let count = 1; client.now < 60_000; count += 1) {
        client.set({ [type]: `a=1! b=${count}` });
        client.now += 200;
        for (const line of client.ack(type)) {
          if (line === `${type} heartbeat a=1!`) heard.push(client.now);
          else changes += 1;
        }
      }
      expect(heard.length).toBeGreaterThanOrEqual(14);
      for (const [index, at] of heard.entries()) expect(at - (heard[index - 1] ?? 0)).toBeLessThan(5_000);
      expect(changes).toBeGreaterThan(250);
    },
  );

  test('X108 a TTL shorter than the way to the client starves no change', () => {
    const client = new ScriptedClient(variant, { ttl: true });
    client.set({ EDS: 'a=1! b=0' });
    client.ask('EDS', ['a', 'b']);
    client.ack('EDS');
    client.set({ EDS: 'a=1! b=1' });
    client.set({ EDS: 'a=1! b=2' });
    client.now += 60_000;
    says(client.ack('EDS'), ['EDS heartbeat a=1!']);
    client.now += 60_000;
    says(client.ack('EDS'), ['EDS b=2']);
    client.now += 60_000;
    says(client.ack('EDS'), ['EDS heartbeat a=1!']);
  });

  test('M1 X53 X68 the first answer of listeners comes at once, though the clusters of all of them are yet to be sent', () => {
    const client = new ScriptedClient(variant);
    client.set({ CDS: 'x=1' });
    says(client.ask('CDS', []), ['CDS x=1']);
    client.set({ CDS: 'x=1 y=1', LDS: 'l=1>y' });
    says(client.ask('LDS', []), ['LDS']);
    says(client.ack('LDS'), []);
    says(client.ack('CDS'), { delta: ['CDS y=1', 'LDS l=1'], sotw: ['CDS x=1 y=1', 'LDS l=1'] });
  });
});

test('INV8 M2 M3 a listener waits for a cluster that stands since a search, and comes in another form', () => {
  const client = new RefusingSetClient('CDS', (words) => !words.some((word) => /^n\d+=1$/.test(word)));
  const { script } = client;
  client.set(['w=1']);
  script.ask('LDS', []);
  script.ack('LDS');
  const names = Array.from({ length: 60 }, (_, index) => `n${index}`);
  client.set(['w=1', ...names.map((name) => `${name}=1`)]);
  const x = client.subscription.suspects?.standing[0]?.name ?? '';
  expect(names).toContain(x);
  const others = names.filter((name) => name !== x && !client.convicted.includes(name)).map((name) => `${name}=1`);
  expect(client.tell(['w=2', `${x}=1`, ...others])).toHaveLength(1);
  const lines = { LDS: `l=1>${x}` };
  expect(script.set({ CDS: ['w=2', `${x}=2`, ...others].join(' '), ...lines })).toEqual([]);
  const said: string[] = [];
  let told = script.ack('CDS');
  for (let [line] = told; line !== undefined; [line] = told) {
    said.push(...told);
    told = line.startsWith('LDS')
      ? script.ack('LDS')
      : script[/ n\d+=1/.test(line) ? 'nack' : 'ack']('CDS', 'nobody is named');
  }
  const sent = said.findIndex((line) => line.split(' ').includes(`${x}=2`));
  expect(sent).toBeGreaterThanOrEqual(0);
  expect(said.indexOf('LDS l=1')).toBeGreaterThan(sent);
});

test('X44 M2 a listener to a cluster that was never taken, and stands since a search, waits for nothing', () => {
  const client = new RefusingSetClient('CDS', (words) => !words.some((word) => /^n\d+=1$/.test(word)));
  const { script } = client;
  client.set(['w=1']);
  script.ask('LDS', []);
  script.ack('LDS');
  const clusters = ['w=1', ...Array.from({ length: 60 }, (_, index) => `n${index}=1`)];
  client.set(clusters);
  const standing = client.subscription.suspects?.standing[0]?.name ?? '';
  expect(standing).toMatch(/^n\d+$/);
  expect(script.set({ CDS: clusters.join(' '), LDS: `l=1>${standing}` })).toEqual(['LDS l=1']);
});
