import { describe, expect, test } from 'vitest';
import { hasAccepted } from '../../src/xds/has-accepted.ts';
import { typeStatuses } from '../../src/xds/status.ts';
import { subscriptionOf } from '../../src/xds/subscription-of.ts';
import { TypeTimes } from '../../src/xds/type-times.ts';
import { content, ScriptedClient, types } from '../support/xds-scripted-client.ts';

const nobodyNamed = 'missing ): (';
const hosts = (marks: readonly string[]) => marks.map((mark) => `rc/${mark}@rc/${mark.split('=')[0]}:80`).join(' ');

/** A client that asks for virtual hosts as Envoy's `on_demand` does (E27): by host and port, which is an alias. */
function connect(...marks: readonly string[]): ScriptedClient {
  const client = new ScriptedClient('delta');
  client.set({ VHDS: hosts(marks) });
  client.ask(
    'VHDS',
    marks.map((mark) => `rc/${mark.split('=')[0]}:80`),
  );
  return client;
}

const statusOf = (client: ScriptedClient) =>
  typeStatuses(client.state, new TypeTimes()).find(({ typeUrl }) => typeUrl === types.VHDS);

describe('virtual hosts asked for under an alias (X83, E27)', () => {
  test('X44 X83 E16 after a NACK that names nobody they come one by one, and the culprit keeps its good form', () => {
    const client = connect('a=1', 'b=1', 'c=1');
    client.ack('VHDS');
    expect(client.set({ VHDS: hosts(['a=2', 'b=bad', 'c=2']) })).toEqual(['VHDS rc/a=2 rc/b=bad rc/c=2']);
    expect(client.nack('VHDS', nobodyNamed)).toEqual(['VHDS rc/a=2']);
    expect(client.ack('VHDS')).toEqual(['VHDS rc/b=bad']);
    expect(client.nack('VHDS', nobodyNamed)).toEqual(['VHDS rc/c=2']);
    expect(client.ack('VHDS')).toEqual([]);
    const [good] = content({ VHDS: 'rc/b=1' });
    expect(statusOf(client)?.differing).toEqual([{ name: 'rc/b:80', version: good?.version, owed: false }]);
    // M4: what was good is what the client took, and nothing else, however often it refuses.
    expect(client.askAgain('VHDS', 'rc/b:80')).toEqual(['VHDS rc/b=1']);
    client.ack('VHDS');
    expect(client.set({ VHDS: hosts(['a=2', 'b=worse', 'c=2']) })).toEqual(['VHDS rc/b=worse']);
    expect(client.nack('VHDS', nobodyNamed)).toEqual([]);
    expect(client.askAgain('VHDS', 'rc/b:80')).toEqual(['VHDS rc/b=1']);
  });

  test('X61 X83 a host that is owed under two names comes alone once', () => {
    const client = connect('a=1', 'b=1');
    client.ask('VHDS', ['rc/a:80', 'rc/b:80', 'rc/a']);
    client.ack('VHDS');
    client.ack('VHDS');
    expect(client.set({ VHDS: hosts(['a=2', 'b=2']) })).toEqual(['VHDS rc/a=2 rc/b=2']);
    const told = client.nack('VHDS', nobodyNamed);
    expect([...told, ...client.ack('VHDS'), ...client.ack('VHDS')].sort()).toEqual(['VHDS rc/a=2', 'VHDS rc/b=2']);
  });

  test('X38 X83 what a client took under an alias is taken', () => {
    const client = connect('a=1');
    const [first, second] = [...content({ VHDS: hosts(['a=1']) }), ...content({ VHDS: hosts(['a=2']) })];
    if (first === undefined || second === undefined) throw new Error('no such host');
    expect(hasAccepted(client.state, first)).toBe(false);
    client.ack('VHDS');
    expect([hasAccepted(client.state, first), hasAccepted(client.state, second)]).toEqual([true, false]);
    client.set({ VHDS: hosts(['a=2']) });
    expect([hasAccepted(client.state, first), hasAccepted(client.state, second)]).toEqual([false, false]);
  });

  test('X111 M4 a host that is refused, and has no good form, is absent: a request waits for the answer', () => {
    const client = connect('a=bad');
    expect(client.nack('VHDS', nobodyNamed)).toEqual(['VHDS rc/a:80=absent']);
    expect(client.ack('VHDS')).toEqual([]);
    expect(client.askAgain('VHDS', 'rc/a:80')).toEqual(['VHDS rc/a:80=absent']);
    client.ack('VHDS');
    expect(statusOf(client)?.differing).toMatchObject([{ name: 'rc/a:80', owed: false }]);
    // What stood for nothing is no good form.
    expect(client.set({ VHDS: hosts(['a=worse']) })).toEqual(['VHDS rc/a=worse']);
    expect(client.nack('VHDS', nobodyNamed)).toEqual([]);
    expect(client.askAgain('VHDS', 'rc/a:80')).toEqual(['VHDS rc/a:80=absent']);
    client.ack('VHDS');
    expect(client.set({ VHDS: hosts(['a=2']) })).toEqual(['VHDS rc/a=2']);
  });

  test('X38 X111 what stood for a host that was refused is a good form of it for nobody', () => {
    const client = new ScriptedClient('delta');
    client.set({ VHDS: hosts(['a=bad']) });
    client.ask('VHDS', ['rc/a']);
    expect(client.nack('VHDS', nobodyNamed)).toEqual(['VHDS rc/a=absent']);
    client.ack('VHDS');
    expect(subscriptionOf(client.state, types.VHDS)?.refused.get('rc/a')?.good).toBeUndefined();
    client.set({ VHDS: hosts(['a=worse']) });
    client.nack('VHDS', nobodyNamed);
    expect(subscriptionOf(client.state, types.VHDS)?.refused.get('rc/a')?.good).toBeUndefined();
  });

  test('X38 X111 a client that refuses what stands for a host hears that it is removed, and no more', () => {
    const client = connect('a=bad');
    client.nack('VHDS', nobodyNamed);
    expect(client.nack('VHDS', nobodyNamed)).toEqual([]);
    expect(client.askAgain('VHDS', 'rc/a:80')).toEqual(['VHDS -rc/a:80']);
  });

  test('X67 X111 what stands where there is nothing does not differ from it', () => {
    const client = new ScriptedClient('delta');
    client.set({ VHDS: hosts(['a=1']), RDS: 'rc=1' });
    client.ask('RDS', ['rc']);
    client.ack('RDS');
    client.ask('VHDS', []);
    client.ack('VHDS');
    client.ask('VHDS', ['rc/a:80', 'rc/unknown:80']);
    client.ack('VHDS');
    expect(statusOf(client)).toMatchObject({ namesSubscribed: 3, namesDiffering: 0, differing: [], owed: 0 });
  });
});

test.each(['delta', 'sotw'] as const)('X61 in %s a wildcard brings a cluster with an alias once', (variant) => {
  const client = new ScriptedClient(variant);
  client.set({ CDS: 'x=1@y' });
  expect(client.ask('CDS', [])).toEqual(['CDS x=1']);
  expect(client.ack('CDS')).toEqual([]);
  expect(client.set({ CDS: 'x=2@y' })).toEqual(['CDS x=2']);
  expect(client.ack('CDS')).toEqual([]);
  client.set({});
  expect(client.wait(5_000)).toEqual([variant === 'delta' ? 'CDS -x' : 'CDS']);
  expect(client.ack('CDS')).toEqual([]);
  // By name the alias counts.
  client.set({ CDS: 'x=3@y' });
  client.ack('CDS');
  expect(client.ask('CDS', ['*', 'y'])).toEqual(['CDS x=3']);
});
