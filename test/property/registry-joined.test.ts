import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { JoinCredential } from '../../src/registry/join-claims.ts';
import { createJoinedProxies } from '../../src/registry/joined-proxies.ts';
import { fakeClock } from '../support/fake-clock.ts';
import { memoryStore } from '../support/memory-store.ts';
import { settings } from '../support/registry-values.ts';

const credential: JoinCredential = { tokenId: 't', namespace: 'shop', serviceAccount: 'r', service: 'r' };
const names = fc.integer({ min: 0, max: 3 });

const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('join' as const), who: names, fresh: fc.boolean() }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('leave' as const), stream: fc.nat(20) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('goodbye' as const), who: names }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('restart' as const) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('wait' as const), time: fc.integer({ min: 1, max: 9_000 }) }) },
);

test('any schedule of joins, losses, goodbyes and restarts: registry = live proxies after grace, no transient loss (F4)', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (schedule) => {
      const clock = fakeClock();
      const store = memoryStore();
      const start = () => createJoinedProxies({ settings, clock, store });
      let joined = start();
      /** What must hold: the newest stream of each proxy that is alive, and who said goodbye. */
      const newest = new Map<number, string>();
      const leaving = new Set<number>();
      /** Which Envoy of a proxy is running, and which of them said goodbye: such a one never serves again. */
      const runs = new Map<number, number>();
      const over = new Map<number, number>();
      const opened: string[] = [];
      const check = () => {
        for (const who of newest.keys()) {
          const workload = joined.workloads.get().get(`r-${who}.shop`);
          expect(workload?.health).toBe(leaving.has(who) ? 'draining' : 'healthy');
        }
      };
      for (const action of schedule) {
        switch (action.do) {
          case 'join': {
            const stream = `${opened.length}`;
            opened.push(stream);
            const run = (runs.get(action.who) ?? 0) + (action.fresh ? 1 : 0);
            runs.set(action.who, run);
            const ports = [{ port: 80, inbound: 21_000 + action.who }];
            const weft = { service: 'r', namespace: 'shop', ports, run: `run-${run}` };
            const result = joined.join({ id: stream, peerAddress: '127.0.0.1' }, credential, {
              id: `r-${action.who}.shop`,
              weft,
            });
            expect(result.kind).toBe('joined');
            newest.set(action.who, stream);
            if (over.get(action.who) === run) leaving.add(action.who);
            else leaving.delete(action.who);
            break;
          }
          case 'leave': {
            const stream = opened[action.stream];
            if (stream === undefined) break;
            joined.leave(stream);
            for (const [who, current] of newest) {
              if (current !== stream) continue;
              newest.delete(who);
              leaving.delete(who);
            }
            break;
          }
          case 'goodbye':
            if (joined.goodbye(`r-${action.who}.shop`)) over.set(action.who, runs.get(action.who) ?? 0);
            if (newest.has(action.who)) leaving.add(action.who);
            else expect(joined.workloads.get().has(`r-${action.who}.shop`)).toBe(false);
            break;
          case 'restart': {
            const before = [...joined.workloads.get().values()].filter((workload) => workload.health === 'healthy');
            await joined.close();
            joined = start();
            await joined.restore();
            expect([...joined.workloads.get().keys()].sort()).toEqual(before.map((workload) => workload.id).sort());
            newest.clear();
            leaving.clear();
            break;
          }
          case 'wait':
            clock.advance(action.time);
            break;
          default:
            action satisfies never;
        }
        check();
      }
      clock.advance(60_000);
      expect([...joined.workloads.get().keys()].sort()).toEqual(
        [...newest.keys()].map((who) => `r-${who}.shop`).sort(),
      );
    }),
    { numRuns: 1_000 },
  );
});

const label = fc.stringMatching(/^[a-z]([a-z0-9-]{0,10}[a-z0-9])?$/);
/** What a claim may be instead of what is granted: nothing, another, the same said twice, the same spelled otherwise. */
type Claim = 'same' | 'absent' | 'empty' | 'other' | 'doubled' | 'upper' | 'spaced';
const claim: fc.Arbitrary<Claim> = fc.oneof(
  { weight: 12, arbitrary: fc.constant('same' as const) },
  { weight: 1, arbitrary: fc.constantFrom<Claim>('absent', 'empty', 'other', 'doubled', 'upper', 'spaced') },
);
function claimed(how: Claim, granted: string): unknown {
  const ways: Readonly<Record<Claim, unknown>> = {
    same: granted,
    absent: undefined,
    empty: '',
    other: `${granted}x`,
    doubled: [granted, granted],
    upper: granted.toUpperCase(),
    spaced: `${granted} `,
  };
  return ways[how];
}
const pair = fc.record({
  granted: fc.record({ service: label, namespace: label, serviceAccount: label, version: label }),
  service: claim,
  namespace: claim,
  idNamespace: claim,
  idName: fc.oneof(
    { weight: 12, arbitrary: label },
    { weight: 1, arbitrary: fc.constantFrom('', 'A', 'a_b', '-a', 'a ') },
  ),
  // Labels may be left out: what is granted holds all the same.
  app: fc.option(claim, { nil: 'absent' as const, freq: 2 }),
  version: fc.option(claim, { nil: 'absent' as const, freq: 2 }),
  identityFolder: fc.constantFrom(undefined, undefined, '/var/lib/weft', 'relative'),
  certificate: fc.constantFrom('none', 'none', 'own', 'another'),
});

test('a claim is accepted exactly if it is what the credential says (T1, 10,000 pairs)', () => {
  let [accepted, refused] = [0, 0];
  const values = new Set<string>();
  fc.assert(
    fc.property(pair, ({ granted, idName, identityFolder, certificate, ...claims }) => {
      const { version, ...of } = granted;
      const idNamespace = claimed(claims.idNamespace, of.namespace);
      const id = `${idName}.${Array.isArray(idNamespace) ? idNamespace.join('.') : (idNamespace ?? '')}`;
      const nodeId = certificate === 'own' ? id : `${idName}y.${of.namespace}`;
      const bound: JoinCredential = {
        ...of,
        tokenId: 't',
        labels: { version },
        ...(certificate !== 'none' && { nodeId }),
      };
      const weft = {
        service: claimed(claims.service, of.service),
        namespace: claimed(claims.namespace, of.namespace),
        labels: { app: claimed(claims.app, of.service), version: claimed(claims.version, version) },
        identityFolder,
      };
      const joined = createJoinedProxies({ settings, clock: fakeClock(), store: memoryStore() });
      const result = joined.join({ id: 's', peerAddress: '10.0.0.1' }, bound, {
        id,
        weft: JSON.parse(JSON.stringify(weft)),
      });
      const isOptional = (how: Claim) => how === 'same' || how === 'absent';
      const hasKey =
        certificate === 'none'
          ? identityFolder === undefined
          : certificate === 'own' && identityFolder?.startsWith('/');
      const equal =
        [claims.service, claims.namespace, claims.idNamespace].every((how) => how === 'same') &&
        /^[a-z]/.test(idName) &&
        !/[_ ]/.test(idName) &&
        [claims.app, claims.version].every(isOptional) &&
        hasKey === true;
      expect(result.kind).toBe(equal ? 'joined' : 'refused');
      const registered = [...joined.workloads.get().values()];
      expect(
        registered.map((workload) => ({ id: workload.id, service: workload.service, labels: workload.labels })),
      ).toEqual(equal ? [{ id, service: of.service, labels: { app: of.service, version } }] : []);
      values.add(JSON.stringify([of, version]));
      if (equal) accepted += 1;
      else refused += 1;
    }),
    { numRuns: 10_000 },
  );
  expect(accepted).toBeGreaterThan(500);
  console.log(
    `promise T1: ${accepted + refused} pairs of ${values.size} credentials: ${accepted} equal and accepted, ${refused} unequal, absent, doubled or of another key and refused, 0 otherwise`,
  );
});
