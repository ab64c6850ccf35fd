import { describe, expect, test } from 'vitest';
import type { LocalityLbSetting } from '../../src/model/load-balancer.ts';
import { localityCovers, localityText, parseLocality } from '../../src/model/locality.ts';
import type { Decided } from '../../src/model/provenance.ts';
import { byDefault } from '../../src/model/provenance.ts';
import { localityDecision, placeEndpoints } from '../../src/resolve/locality.ts';

const setting = (written: Partial<LocalityLbSetting>): Decided<LocalityLbSetting> =>
  byDefault({ distribute: [], failover: [], failoverPriority: [], ...written }, 'D12');

/** Endpoints are written `eu/north/a`, with labels `eu/north/a rack=1,disk=ssd`, with a weight `eu/north/a *3`. */
function endpoint(written: string) {
  const [place = '', ...more] = written.split(' ');
  const weight = Number(more.find((part) => part.startsWith('*'))?.slice(1) ?? 1);
  const labels = more.find((part) => part.includes('='))?.split(',') ?? [];
  return {
    written,
    ...(place === '-' ? {} : { locality: parseLocality(place) }),
    weight,
    labels: Object.fromEntries(labels.map((pair) => pair.split('=') as [string, string])),
  };
}

/** What a client makes of endpoints: `eu/north/a: 0`, with the weight of its locality `eu/north/a: 0 w3`. */
function placed(written: Partial<LocalityLbSetting>, client: string, endpoints: readonly string[]): readonly string[] {
  const { locality, labels } = endpoint(client);
  const decision = localityDecision(setting(written), { labels, ...(locality && { locality }) });
  return placeEndpoints(decision?.value, endpoints.map(endpoint)).map(({ endpoint: { written: name }, place }) => {
    const { priority = 0, localityWeight } = place;
    return `${name}: ${priority}${localityWeight === undefined ? '' : ` w${localityWeight}`}`;
  });
}

describe('failover where nothing is written (D12)', () => {
  test.each<[string, string, readonly string[], readonly string[]]>([
    [
      'the very place, the zone, the region, elsewhere',
      'eu/north/a',
      ['us/east/a', 'eu/south/a', 'eu/north/b', 'eu/north/a'],
      ['us/east/a: 3', 'eu/south/a: 2', 'eu/north/b: 1', 'eu/north/a: 0'],
    ],
    [
      'without gaps',
      'eu/north/a',
      ['us/east/a', 'eu/north/a', 'us/west'],
      ['us/east/a: 1', 'eu/north/a: 0', 'us/west: 1'],
    ],
    [
      'what is nearest is first, however far it is',
      'eu/north/a',
      ['us/east/a', 'us/west/b'],
      ['us/east/a: 0', 'us/west/b: 0'],
    ],
    ['a client of a region without zones', 'eu', ['eu/north', 'eu', 'us'], ['eu/north: 1', 'eu: 0', 'us: 2']],
    ['an endpoint that says nothing is elsewhere', 'eu/north', ['-', 'eu/south'], ['-: 1', 'eu/south: 0']],
    ['a client that says nothing has all alike', '-', ['-', 'eu/south', 'us'], ['-: 0', 'eu/south: 0', 'us: 0']],
  ])('%s', (_name, client, endpoints, expected) => {
    expect(placed({}, client, endpoints)).toEqual(expected);
  });
});

describe('failover to a region', () => {
  const failover = [
    { from: 'eu', to: 'us' },
    { from: 'eu', to: 'asia' },
    { from: 'us', to: 'eu' },
  ];
  test.each<[string, string, readonly string[], readonly string[]]>([
    [
      'goes before all other foreign ones; the first entry counts; localities have weights',
      'eu/north',
      ['asia/a *2', 'us/a', 'us/a *4', 'eu/south', 'eu/north'],
      ['asia/a *2: 3 w2', 'us/a: 2 w5', 'us/a *4: 2 w5', 'eu/south: 1 w1', 'eu/north: 0 w1'],
    ],
    ['not for clients of another region', 'asia/a', ['eu/a', 'us/a'], ['eu/a: 0 w1', 'us/a: 0 w1']],
    ['nor for those that say nothing', '-', ['eu/a', 'us/a'], ['eu/a: 0 w1', 'us/a: 0 w1']],
  ])('%s', (_name, client, endpoints, expected) => {
    expect(placed({ failover }, client, endpoints)).toEqual(expected);
  });
});

describe('failover by labels', () => {
  const rackThenDisk = { failoverPriority: ['rack', 'disk'] };
  test.each<[string, Partial<LocalityLbSetting>, string, readonly string[], readonly string[]]>([
    [
      'the first label that differs decides',
      rackThenDisk,
      '- rack=1,disk=ssd',
      ['- rack=1,disk=ssd', '- rack=1,disk=old', '- rack=2,disk=ssd', '-'],
      ['- rack=1,disk=ssd: 0 w1', '- rack=1,disk=old: 1 w1', '- rack=2,disk=ssd: 2 w2', '-: 2 w2'],
    ],
    [
      'what both lack agrees',
      rackThenDisk,
      '- rack=1',
      ['- rack=1', '- rack=1,disk=ssd', '- disk=ssd'],
      ['- rack=1: 0 w1', '- rack=1,disk=ssd: 1 w1', '- disk=ssd: 2 w1'],
    ],
    [
      'a value that is written goes before that of the client',
      { failoverPriority: ['disk=ssd'] },
      '- disk=old',
      ['- disk=old', '- disk=ssd'],
      ['- disk=old: 1 w1', '- disk=ssd: 0 w1'],
    ],
    [
      'a locality has its labels',
      {
        failoverPriority: ['topology.kubernetes.io/region', 'topology.kubernetes.io/zone', 'topology.istio.io/subzone'],
      },
      'eu/north/a',
      ['us/east', 'eu/south', 'eu/north/b', 'eu/north/a'],
      ['us/east: 3 w1', 'eu/south: 2 w1', 'eu/north/b: 1 w1', 'eu/north/a: 0 w1'],
    ],
    [
      'one locality is split, and its parts have their own weights',
      { failoverPriority: ['rack'] },
      'eu/north rack=1',
      ['eu/north rack=1 *3', 'eu/north rack=1', 'eu/north rack=2'],
      ['eu/north rack=1 *3: 0 w4', 'eu/north rack=1: 0 w4', 'eu/north rack=2: 1 w1'],
    ],
    [
      'places count only beside regions, and after labels',
      { failoverPriority: ['rack'], failover: [{ from: 'eu', to: 'us' }] },
      'eu rack=1',
      ['asia rack=1', 'us rack=1', 'eu rack=2', 'eu rack=1'],
      ['asia rack=1: 2 w1', 'us rack=1: 1 w1', 'eu rack=2: 3 w1', 'eu rack=1: 0 w1'],
    ],
    [
      'another network comes after all of this one, in the same order',
      { failoverPriority: ['topology.istio.io/network', 'rack'] },
      '- topology.istio.io/network=a,rack=1',
      [
        '- topology.istio.io/network=b,rack=2',
        '- topology.istio.io/network=b,rack=1',
        '- topology.istio.io/network=a,rack=2',
        '- topology.istio.io/network=a,rack=1',
      ],
      [
        '- topology.istio.io/network=b,rack=2: 3 w1',
        '- topology.istio.io/network=b,rack=1: 2 w1',
        '- topology.istio.io/network=a,rack=2: 1 w1',
        '- topology.istio.io/network=a,rack=1: 0 w1',
      ],
    ],
  ])('%s', (_name, written, client, endpoints, expected) => {
    expect(placed(written, client, endpoints)).toEqual(expected);
  });
});

describe('shares', () => {
  const distribute: LocalityLbSetting['distribute'] = [
    { from: 'eu/north/*', to: { 'eu/north/*': 80, 'eu/south/*': 20 } },
    { from: 'eu/*', to: { 'us/*': 100 } },
  ];
  test.each<[string, string, readonly string[], readonly string[]]>([
    [
      'of the first entry; who is in none is not called',
      'eu/north/a',
      ['eu/north/a', 'eu/south/a', 'us/east'],
      ['eu/north/a: 0 w80', 'eu/south/a: 0 w20'],
    ],
    ['of the next entry', 'eu/south/a', ['eu/south/a', 'us/east'], ['us/east: 0 w100']],
    [
      'are divided among the localities of a pattern by their weights, rounded up',
      'eu/north/a',
      ['eu/north/a', 'eu/north/b *2', 'eu/south/a'],
      ['eu/north/a: 0 w27', 'eu/north/b *2: 0 w54', 'eu/south/a: 0 w20'],
    ],
    ['are nobody else’s', 'us/east', ['eu/north/a', 'us/east *3'], ['eu/north/a: 0 w1', 'us/east *3: 0 w3']],
    ['nor of clients that say nothing', '-', ['eu/north/a', 'us/east'], ['eu/north/a: 0 w1', 'us/east: 0 w1']],
  ])('%s', (_name, client, endpoints, expected) => {
    expect(placed({ distribute }, client, endpoints)).toEqual(expected);
  });

  test('from everywhere are those of clients that say nothing, too', () => {
    const everywhere = { distribute: [{ from: '*', to: { eu: 60, us: 40 } }] };
    expect(placed(everywhere, '-', ['eu/a', 'us/a', 'asia'])).toEqual(['eu/a: 0 w60', 'us/a: 0 w40']);
  });
});

test.each([
  ['*', '-', true],
  ['*', 'eu/north', true],
  ['eu', 'eu/north', true],
  ['eu/*', 'eu', true],
  ['eu/north', 'eu/south', false],
  ['eu/north/*', 'eu/north/rack-1', true],
  ['eu/north/rack-1', 'eu/north/rack-2', false],
  ['eu', '-', false],
])('the pattern %s and the locality %s: %s', (pattern, written, covers) => {
  expect(localityCovers(pattern, endpoint(written).locality)).toBe(covers);
});

test.each(['eu', 'eu/north', 'eu/north/rack-1', 'eu/north/rack-1/shelf', 'eu//rack'])(
  '%s is read and written',
  (text) => {
    expect(localityText(parseLocality(text))).toBe(text);
  },
);
