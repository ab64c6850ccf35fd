import { describe, expect, test } from 'vitest';
import type { Workload } from '../../src/model/workload.ts';
import {
  catalog,
  controlPlane,
  destination,
  networking,
  reviews,
  route,
  service,
  told,
  withPorts,
} from '../support/history-plane.ts';

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
