import { describe, expect, test } from 'vitest';
import { type Incoming, inParts, namesAtOnce } from '../../src/xds/incoming.ts';
import { createResource } from '../../src/xds/resource.ts';
import { clusterType } from '../../src/xds/resource-types.ts';
import { content, ScriptedClient } from '../support/xds-scripted-client.ts';

describe.each(['delta', 'sotw'] as const)('what is asked for in %s', (variant) => {
  const isDelta = variant === 'delta';

  test.each(['EDS', 'RTDS'] as const)('X49 X65 * is the wildcard of %s, too; nothing is not', (type) => {
    const client = new ScriptedClient(variant);
    client.set({ [type]: 'x=1 y=1' });
    expect(client.ask(type, [])).toEqual([]);
    expect(client.ask(type, ['*'])).toEqual([`${type} x=1 y=1`]);
    expect(client.ack(type)).toEqual([]);
    expect(client.set({ [type]: 'x=1 y=1 z=1' })).toEqual([`${type} z=1`]);
    client.ack(type);
    // A name beside it is told again in delta (X69); the wildcard goes, the name stays.
    expect(client.ask(type, ['*', 'x'])).toEqual([`${type} x=1`]);
    client.ack(type);
    expect(client.ask(type, ['x'])).toEqual([]);
    expect(client.set({ [type]: 'x=2 y=2 z=2' })).toEqual([`${type} x=2`]);
    client.ack(type);
    expect(client.ask(type, ['*', 'x'])).toEqual([`${type} y=2 z=2`]);
    client.ack(type);
    client.ask(type, []);
    expect(client.set({})).toEqual([]);
  });

  test('X44 X65 routes of a wildcard travel one by one, and a refused one stays as it was', () => {
    const client = new ScriptedClient(variant);
    client.set({ RDS: 'r=1 s=1' });
    expect([client.ask('RDS', ['*']), client.ack('RDS'), client.ack('RDS')]).toEqual([['RDS r=1'], ['RDS s=1'], []]);
    expect(client.set({ RDS: 'r=bad s=2' })).toEqual(['RDS r=bad']);
    expect(client.nack('RDS', 'no')).toEqual(['RDS s=2']);
    expect(client.ack('RDS')).toEqual([]);
    expect(client.reconnect()).toEqual(isDelta ? ['RDS r=bad'] : ['RDS r=bad']);
  });

  test('X65 X87 endpoints of a wildcard follow their cluster', () => {
    const client = new ScriptedClient(variant);
    client.set({ CDS: 'a=1', EDS: 'a=1' });
    client.ask('CDS', []);
    client.ack('CDS');
    client.ask('EDS', ['*']);
    client.ack('EDS');
    expect(client.set({ CDS: 'a=2', EDS: 'a=1' })).toEqual(['CDS a=2', 'EDS a=1']);
  });

  test('X61 X83 an alias that becomes a name of its own is told to a wildcard, and taken away when it is an alias again', () => {
    const client = new ScriptedClient(variant);
    client.set({ CDS: 'x=1@y' });
    client.ask('CDS', []);
    client.ack('CDS');
    expect(client.set({ CDS: 'x=1 y=1' })).toEqual([isDelta ? 'CDS y=1' : 'CDS x=1 y=1']);
    expect(client.ack('CDS')).toEqual([]);
    client.set({ CDS: 'x=1@y' });
    expect(client.wait(5_000)).toEqual([isDelta ? 'CDS -y' : 'CDS x=1']);
    expect(client.ack('CDS')).toEqual([]);
    expect(client.wait(60_000)).toEqual([]);
  });

  test('X108 X83 of what is asked for under an alias a client hears in time, once', () => {
    const client = new ScriptedClient(variant, { ttl: true });
    client.set({ EDS: 'a=1!@z' });
    client.ask('EDS', ['z', 'a']);
    client.ack('EDS');
    client.ask('EDS', ['z']);
    for (let beat = 0; beat < 3; beat += 1) {
      expect(client.wait(4_000)).toEqual(['EDS heartbeat a=1!']);
      expect(client.ack('EDS')).toEqual([]);
    }
    expect(client.ask('EDS', [])).toEqual([]);
    expect(client.wait(60_000)).toEqual([]);
    expect(client.ask('EDS', ['a', 'z'])).toEqual(['EDS a=1!']);
    client.ack('EDS');
    expect(client.wait(4_000)).toEqual(['EDS heartbeat a=1!']);
  });

  test('X108 clusters: a TTL that comes, changes or goes is told, though the content is what it was', () => {
    const client = new ScriptedClient(variant, { ttl: true });
    const fields = { typeUrl: clusterType, name: 'a', value: Buffer.from('a=1') };
    const put = (ttl?: number) =>
      client.setResources([createResource(ttl === undefined ? fields : { ...fields, ttl })]);
    put();
    client.ask('CDS', []);
    client.ack('CDS');
    for (const ttl of [12_000, 6_000, undefined]) {
      expect(put(ttl)).toEqual(['CDS a=1']);
      expect(client.ack('CDS')).toEqual([]);
    }
    expect(client.wait(60_000)).toEqual([]);
  });

  test.each([3, 20])('X44 of %d routes each has its turn, though others change with every answer', (count) => {
    const client = new ScriptedClient(variant);
    const names = Array.from({ length: count }, (_, index) => `r${index}`);
    const [first = '', second = '', last = ''] = [names[0], names[1], names.at(-1)];
    const mesh = (mark: number) =>
      names.map((name) => `${name}=${name === first || name === second ? mark : mark > 40 ? 1 : 0}`).join(' ');
    client.set({ RDS: mesh(0) });
    client.ask('RDS', names);
    const told: string[] = [];
    for (let mark = 1; mark < 100 && !told.includes(`RDS ${last}=1`); mark += 1) {
      client.set({ RDS: mesh(mark) });
      told.push(...client.ack('RDS'));
    }
    expect(told).toContain(`RDS ${last}=1`);
  });

  test('X92 a cluster that a refused form of another still refers to stays; two that refer to each other go', () => {
    const client = new ScriptedClient(variant);
    client.set({ CDS: 'all=1>x x=1 o=1>p p=1>o' });
    client.ask('CDS', []);
    client.ack('CDS');
    client.set({ CDS: 'all=bad>y y=1' });
    client.nack('CDS', 'Error adding/updating cluster(s) all: NO');
    expect(client.wait(5_000)).toEqual([isDelta ? 'CDS -o -p' : 'CDS all=1 x=1 y=1']);
    client.ack('CDS');
    expect(client.wait(60_000)).toEqual([]);
    expect(client.set({ CDS: 'all=3>y y=1' })).toEqual([isDelta ? 'CDS all=3' : 'CDS all=3 x=1 y=1']);
    client.ack('CDS');
    expect(client.wait(5_000)).toEqual([isDelta ? 'CDS -x' : 'CDS all=3 y=1']);
  });
});

describe('sets of SotW that are asked for under aliases alone (X83, M3)', () => {
  const settled = (words: string, names: readonly string[]) => {
    const client = new ScriptedClient('sotw');
    client.set({ CDS: words });
    client.ask('CDS', names);
    client.ack('CDS');
    return client;
  };

  test('X38 X44 X83 a culprit that is named stands as it was, and is not told again', () => {
    const client = settled('a=1@z b=1@y', ['y', 'z']);
    expect(client.set({ CDS: 'a=2@z b=bad@y' })).toEqual(['CDS a=2 b=bad']);
    expect(client.nack('CDS', 'Error adding/updating cluster(s) b: NO')).toEqual([]);
    expect(client.wait(60_000)).toEqual([]);
    expect(client.set({ CDS: 'a=3@z b=bad@y' })).toEqual(['CDS a=3 b=1']);
    client.ack('CDS');
    expect(client.set({ CDS: 'a=3@z b=4@y' })).toEqual(['CDS a=3 b=4']);
  });

  test('X38 X44 X83 M3 a culprit that nobody named is searched for, and found', () => {
    const client = settled('a=1@z b=1@y c=1@x d=1', ['x', 'y', 'z', 'd']);
    const sets: string[] = [];
    let told = client.set({ CDS: 'a=2@z b=bad@y c=2@x d=2' });
    for (let count = 0; told.length > 0 && count < 20; count += 1) {
      const [set = ''] = told;
      sets.push(set);
      told = set.includes('b=bad') ? client.nack('CDS', 'missing ): (') : client.ack('CDS');
    }
    expect(sets.at(-1)).toBe('CDS a=2 b=1 c=2 d=2');
    expect(new Set(sets).size).toBe(sets.length);
    expect(client.wait(3_600_000)).toEqual([]);
  });

  test('M5 X83 a removal that is refused is not said again', () => {
    const client = settled('a=1@z b=1@y', ['y', 'z']);
    client.set({ CDS: 'a=1@z' });
    expect(client.wait(5_000)).toEqual(['CDS a=1']);
    expect(client.nack('CDS', 'it is in use')).toEqual([]);
    expect(client.wait(60_000)).toEqual([]);
    expect(client.set({ CDS: 'a=2@z' })).toEqual(['CDS a=2 b=1']);
  });

  test('X83 who asks for both names gets it once, and does not lose it with one of them', () => {
    const client = settled('a=1@z b=1', ['a', 'b', 'z']);
    expect(client.set({ CDS: 'a=2@z b=1' })).toEqual(['CDS a=2 b=1']);
    expect(client.nack('CDS', 'Error adding/updating cluster(s) a: NO')).toEqual([]);
    expect(client.ask('CDS', ['b', 'z'])).toEqual(['CDS a=1 b=1']);
    client.ack('CDS');
    expect(client.set({ CDS: 'a=2 b=1' })).toEqual([]);
    expect(client.wait(5_000)).toEqual(['CDS b=1']);
  });
});

test('X57 a route configuration that another scope takes over is told again in SotW, whose client cannot ask for it', () => {
  for (const variant of ['delta', 'sotw'] as const) {
    const client = new ScriptedClient(variant);
    client.set({ SRDS: 'red=1>r', RDS: 'r=1 o=1' });
    client.ask('SRDS', []);
    client.ack('SRDS');
    client.ask('RDS', ['r', 'o']);
    client.ack('RDS');
    client.ack('RDS');
    const [srds, ...told] = client.set({ SRDS: 'red=2>o green=1>r', RDS: 'r=1 o=1' });
    expect([variant, srds, [...told, ...(variant === 'sotw' ? client.ack('RDS') : [])].sort()]).toEqual([
      variant,
      'SRDS green=1 red=2',
      variant === 'sotw' ? ['RDS o=1', 'RDS r=1'] : [],
    ]);
  }
});

describe('delta under a wildcard', () => {
  test('X19 X65 a request in parts begins with the wildcard, wherever that stood', () => {
    const names = [...Array.from({ length: 3 * namesAtOnce }, (_, index) => `n${index}`), '*'];
    const request: Incoming = {
      variant: 'delta',
      typeUrl: clusterType,
      node: undefined,
      nonce: '',
      version: '',
      error: undefined,
      names,
      unsubscribe: ['n1'],
      initialVersions: new Map(),
    };
    const parts = inParts(request);
    expect(parts[0].names[0]).toBe('*');
    expect(new Set(parts.flatMap((part) => part.names))).toEqual(new Set(names));
    expect(parts.map(({ unsubscribe }) => unsubscribe.length)).toEqual([0, 0, 0, 1]);
  });

  test('X72 X75 of a name that is not there it is said so at once, whatever refers to it', () => {
    const client = new ScriptedClient('delta');
    client.set({ CDS: 'a=1', RDS: 'r=1>x' });
    client.ask('CDS', ['*', 'x']);
    client.ack('CDS');
    client.ask('RDS', ['r']);
    client.ack('RDS');
    expect(client.ask('CDS', ['*'])).toEqual(['CDS -x']);
  });

  test('X66 X75 a name that is named and given up in the first request is told as it is', () => {
    const client = new ScriptedClient('delta');
    client.set({ CDS: 'a=1' });
    expect(client.request('CDS', { subscribe: ['*', 'x', 'a'], unsubscribe: ['x', 'a'] })).toEqual(['CDS a=1 -x']);
    expect(client.ack('CDS')).toEqual([]);
  });

  test('X71 X83 what a client came with and asks for under an alias is removed when it is gone', () => {
    const client = new ScriptedClient('delta');
    client.set({ VHDS: 'rc/b=1@rc/b:80' });
    const initialVersions = new Map(
      [...content({ VHDS: 'rc/a=1 rc/b=1' })].map(({ name, version }) => [name, version]),
    );
    const told = client.request('VHDS', { subscribe: ['rc/a:80', 'rc/b:80'], initialVersions });
    expect(told).toEqual(['VHDS rc/a:80=absent rc/b=1 -rc/a']);
    expect(client.ack('VHDS')).toEqual([]);
  });
});

test('X77 M5 a removal that was refused is owed no more once its name was given up, and changes are told together again', () => {
  const client = new ScriptedClient('delta');
  client.set({ EDS: 'a=1 b=1 c=1 d=1' });
  client.ask('EDS', ['a', 'b', 'c', 'd']);
  client.ack('EDS');
  expect(client.set({ EDS: 'a=2 b=2 d=1' })).toEqual(['EDS a=2 b=2 -c']);
  expect(client.ask('EDS', ['a', 'b', 'd'])).toEqual([]);
  expect(client.nack('EDS', 'nobody is named')).toEqual(['EDS a=2']);
  expect(client.ack('EDS')).toEqual(['EDS b=2']);
  expect(client.ack('EDS')).toEqual([]);
  expect(client.set({ EDS: 'a=3 b=2' })).toEqual(['EDS a=3 -d']);
});
