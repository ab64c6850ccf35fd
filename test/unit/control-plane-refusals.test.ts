import { create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { isRolling, proxyStatus } from '../../src/control-plane/proxy-status.ts';
import { refusedResources, withheldFrom } from '../../src/control-plane/refused-resources.ts';
import { NodeSchema } from '../../src/proto/gen/envoy/config/core/v3/base_pb.ts';
import type { QuarantineEntry } from '../../src/xds/quarantine.ts';
import { listenerType, virtualHostType } from '../../src/xds/resource-types.ts';
import type { TypeStatus } from '../../src/xds/status.ts';
import { host, node, now, place, scene } from '../support/refusal-scene.ts';

test('X38 a proxy that is kept from what an equal one refused is not SYNCED, though it refused nothing', () => {
  const { session, stream, type, context, entry, good, wanted } = scene();
  const status = proxyStatus(session, stream(type()), context(entry()));
  expect(status.status).toBe('REJECTED');
  expect(status.revision).toEqual({ serving: 'c1', wanted: 'c2' });
  const refusal = {
    at: '1970-01-01T00:16:35.000Z',
    message: 'missing ): (',
    refusedBy: 'client-1.shop',
    source: place,
  };
  expect(status.types.VHDS).toMatchObject({
    status: 'REJECTED',
    error: { ...refusal, resources: [host] },
    withheld: [{ ...refusal, resource: host, version: wanted(virtualHostType, host).version, served: good }],
  });
  expect([status.types.LDS.status, status.types.SDS.status]).toEqual(['PENDING', '-']);
  // Its own refusal of an earlier stream is its own.
  const own = proxyStatus(session, stream(type()), context(entry({ node })));
  expect(own.types.VHDS.error).not.toHaveProperty('refusedBy');
});

test('X38 withheld is what is refused, of this view, in this version, and not merely late', () => {
  const { type, refusals, entry } = scene();
  const names = (status: TypeStatus, ...entries: readonly QuarantineEntry[]) =>
    withheldFrom(status, node, refusals(...entries)).map(({ resource }) => resource);
  expect(names(type(), entry())).toEqual([host]);
  expect(names(type(), entry({ scope: 'view bank' }))).toEqual([]);
  expect(names(type(), entry({ version: 'older' }))).toEqual([]);
  expect(names(type({ differing: [{ name: host, version: 'x', owed: true }] }), entry())).toEqual([]);
  const atRest: TypeStatus = Object.defineProperty({ ...type() }, 'differing', {
    get() {
      throw new Error('nobody refused anything: nothing is looked at');
    },
  });
  expect(names(atRest)).toEqual([]);
  expect(names(atRest, entry({ typeUrl: listenerType }))).toEqual([]);
});

test('a proxy that waits for good with what depends on a refusal does not keep a revision rolling', () => {
  const { stream, type, refusals, entry } = scene();
  const waiting = type({ typeUrl: listenerType, owed: 1, differing: [] });
  expect(isRolling(stream(waiting), refusals())).toBe(true);
  expect(isRolling(stream(waiting, type()), refusals(entry()))).toBe(false);
  expect(isRolling(stream(type({ differing: [] })), refusals())).toBe(false);
});

test('what is refused is listed with its line and what to do, also what no proxy wants any more', () => {
  const { refusals, entry, stream, type, good, wanted } = scene();
  const listener = wanted(listenerType, 'out_shop_reviews_80');
  const taken = { message: 'cannot bind', names: [listener.name], version: '2', at: now };
  const own = stream(type({ typeUrl: listenerType, error: taken, differing: [] }));
  const all = refusedResources(
    [own],
    refusals(entry({ refusals: 3 }), entry({ version: 'old', at: now - 9_000 }), entry({ everywhere: false, at: 1 })),
  );
  expect(all.map(({ type: short, resource, fix }) => [short, resource, fix])).toEqual([
    [
      'LDS',
      listener.name,
      `remove the cause at ${node}, then weft nacks --release ${listener.name}: it is offered again to a new stream`,
    ],
    ['VHDS', host, 'change policies/shop/routes.yaml:7, or git revert c2: other content is offered at once'],
    ['VHDS', host, 'nothing: the content has changed since'],
    [
      'VHDS',
      host,
      'an equal Envoy takes it: look for what is different at client-1.shop, then weft nacks --release out_proxy/out_shop_reviews_80',
    ],
  ]);
  expect(all[0]).toMatchObject({ withheldFrom: 'refusers', refusedVersion: listener.version, scope: node });
  expect(all[1]).toMatchObject({
    scope: 'view shop',
    agent: 'envoy 1.40.0',
    servedVersion: good,
    firstRefusedBy: 'client-1.shop',
    refusals: 3,
    withheldFrom: 'equals',
    wanted: true,
    source: place,
  });
  expect(all[2]).toMatchObject({ wanted: false, refusedVersion: 'old' });
});

test('what a proxy cannot take for a cause of its own is withheld, and is told apart', () => {
  const { session, stream, type, context, entry, wanted, good } = scene();
  const { name, version } = wanted(listenerType, 'out_shop_reviews_80');
  const error = { message: 'cannot bind\n', names: [name], version: '2', at: now };
  const taken = (over: Partial<TypeStatus>) => type({ typeUrl: listenerType, error, ...over });
  const of = (status: TypeStatus, ...entries: readonly QuarantineEntry[]) =>
    proxyStatus(session, stream(status), context(...entries)).types.LDS;
  const own = {
    resource: name,
    version,
    refusedBy: node,
    own: true,
    at: '1970-01-01T00:16:40.000Z',
    message: 'cannot bind',
    source: expect.objectContaining({ ref: 'Service/shop/reviews' }),
  };
  const differs = { name, version: undefined, owed: false };
  expect(of(taken({ differing: [differs] }))).toMatchObject({ status: 'REJECTED', withheld: [own] });
  expect(of(taken({ differing: [{ ...differs, version: good }] })).withheld).toEqual([{ ...own, served: good }]);
  // While the culprit is looked for, and where equals are kept from it as well.
  expect(of(taken({ differing: [{ ...differs, owed: true }] }))).not.toHaveProperty('withheld');
  const shared = of(taken({ differing: [differs] }), entry({ typeUrl: listenerType, name, version })).withheld;
  expect(shared).toHaveLength(1);
  expect(shared?.[0]).not.toHaveProperty('own');
});

test('Envoy’s words are one line wherever they are told, and the software is told with its version', () => {
  const { session, stream, type, context, entry, refusals, wanted } = scene();
  const said = 'Invalid duration: goo.gle/debugproto   \nseconds: -1\n';
  const words = 'Invalid duration: goo.gle/debugproto seconds: -1';
  const { name } = wanted(listenerType, 'out_shop_reviews_80');
  const own = type({ typeUrl: listenerType, error: { message: said, names: [name], version: '2', at: now } });
  const version = {
    case: 'userAgentBuildVersion' as const,
    value: { version: { majorNumber: 1, minorNumber: 40, patch: 2 } },
  };
  const both = {
    ...stream(type(), own),
    node: create(NodeSchema, { id: node, userAgentName: 'envoy', userAgentVersionType: version }),
  };
  const { VHDS, LDS } = proxyStatus(session, both, context(entry({ message: said }))).types;
  expect([VHDS.error?.message, VHDS.withheld?.[0]?.message, LDS.error?.message]).toEqual([words, words, words]);
  const listed = refusedResources([both], refusals(entry({ message: said, agent: 'envoy 1.40.0' })));
  expect(listed.map(({ message, agent }) => [message, agent])).toEqual([
    [words, 'envoy 1.40.2'],
    [words, 'envoy 1.40.0'],
  ]);
});
