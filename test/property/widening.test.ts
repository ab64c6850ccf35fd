import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Inbound } from '../../src/model/ir-inbound.ts';
import { decideAuthorization } from '../../src/resolve/authorization-decision.ts';
import type { Dimension, DimensionValue } from '../../src/resolve/call-dimension.ts';
import type { SeenCall } from '../../src/resolve/holds.ts';
import { type Door, letInAnew } from '../../src/resolve/let-in-anew.ts';
import { seenBytes, seenCall } from '../../src/resolve/seen-call.ts';
import { seenToken } from '../../src/resolve/seen-token.ts';
import { issuerKey, keySet } from '../support/json-web-token.ts';
import { type Call, call, principals } from './authorization-calls.ts';
import { doorOf, type World, world } from './authorization-world.ts';

/* T14: whatever random policies let in that others refuse is found, and what is found is let in by the one and refused by the other. */

const isLong = process.env.WEFT_LONG === '1';
const pairs = isLong ? 1_000 : 120;
const callsEach = 40;
const seed = Number(process.env.WEFT_SEED ?? Math.floor(Math.random() * 2 ** 31));
const jwks = keySet(issuerKey('one'));
const callers = { trustDomains: ['demo.mesh', 'old.mesh', 'partner.mesh'], known: principals };
const level = { refused: 0, asked: 1, allowed: 2 } as const;

const inboundOf = (each: World) => doorOf(each, jwks).inbound;
const doorAt = ({ mtls, authorization, tokens }: Inbound): Door => ({
  mtls,
  authorization,
  tokens: (tokens?.rules ?? []).map(({ rule }) => rule),
});

/** A token that is answered 401 could be left out, so that it counts as none for who was refused; nobody is let in with it. */
function outcomeOf(inbound: Inbound, seen: SeenCall, isAfter: boolean): number {
  const shown = seen.claims ? seenToken(inbound.tokens, seen.claims) : { claims: null };
  if (isAfter && 'refused' in shown) return level.refused;
  const claims = 'refused' in shown ? null : shown.claims;
  const { outcome } = decideAuthorization(inbound, { ...seen, claims });
  if (outcome === 'unknown') throw new Error('nothing is unknown here');
  return level[outcome];
}

function seenBy(
  { identity, source, destination, serverName, request, token }: Call,
  normalization: Inbound['terms'],
): SeenCall | undefined {
  const principal = identity === undefined ? null : (principals[identity] ?? null);
  const connection = {
    principal,
    sourceAddress: source,
    destinationAddress: destination,
    serverName: serverName ?? null,
  };
  if (request === undefined) return seenBytes({ ...connection, claims: null });
  const seen = seenCall(connection, request, normalization.pathNormalization.value);
  return 'refused' in seen ? undefined : { ...seen, claims: token?.kind === 'good' ? token.claims : null };
}

/** The call that was found, whole: what no rule looks at is anything. */
function whole(found: ReadonlyMap<Dimension, DimensionValue>): SeenCall {
  const text = (name: Dimension, other: string) => found.get(name) ?? other;
  const headers = [...found].flatMap(([name, value]) =>
    name.startsWith('header ') && value !== null ? [[name.slice(7), [value]] as const] : [],
  );
  return {
    principal: found.has('principal') ? (found.get('principal') ?? null) : 'demo.mesh/ns/any/sa/any',
    sourceAddress: text('source-address', '203.0.113.1'),
    remoteAddress: text('remote-address', '203.0.113.1'),
    destinationAddress: text('destination-address', '203.0.113.1'),
    serverName: found.get('server-name') ?? null,
    method: text('method', 'GET'),
    authority: text('host', 'any'),
    path: text('path', '/any'),
    headers: new Map(headers),
    claims: null,
  };
}

test('T14 what one set of policies lets in and another refuses is found, whatever they say', () => {
  const worlds = fc.sample(
    fc.tuple(world, world, fc.infiniteStream(fc.boolean())).map(([first, second, coins]) => {
      const some = [...first.policies, ...second.policies].filter(() => coins.next().value);
      const policies = some.length === 0 ? second.policies : some;
      return [
        first,
        { ...second, protocol: first.protocol, port: first.port, normalization: first.normalization, policies },
      ] as const;
    }),
    { numRuns: pairs, seed, unbiased: true },
  );
  let [widened, found, missed] = [0, 0, 0];
  const misses: string[] = [];
  for (const [index, [first, second]] of worlds.entries()) {
    const [before, after] = [inboundOf(first), inboundOf(second)];
    const anew = letInAnew(doorAt(before), doorAt(after), callers);
    if (anew.length > 0) found += 1;
    const calls = fc.sample(call(first), { numRuns: callsEach, seed: seed + index, unbiased: true });
    const witness = calls
      .map((each) => seenBy(each, before.terms))
      .find((seen) => seen !== undefined && outcomeOf(after, seen, true) > outcomeOf(before, seen, false));
    if (witness !== undefined) widened += 1;
    if (witness !== undefined && anew.length === 0) {
      missed += 1;
      misses.push(JSON.stringify({ first, second, witness }));
    }
    for (const { call: told } of anew) {
      if (told === undefined || [...told.keys()].some((name) => name.startsWith('claim '))) continue;
      if (JSON.stringify([before.authorization, after.authorization]).includes('"claim"')) continue;
      const seen = whole(told);
      expect(outcomeOf(after, seen, true), `seed ${seed}: ${JSON.stringify([...told])}`).toBeGreaterThan(
        outcomeOf(before, seen, false),
      );
    }
  }
  expect(misses.slice(0, 2), `seed ${seed}`).toEqual([]);
  expect(missed).toBe(0);
  expect(widened).toBeGreaterThan(pairs / 10);
  console.log(
    `promise T14: of ${pairs} random pairs of policies ${found} widen; ${widened} of them for one of ${callsEach} random calls, none of these missed`,
  );
}, 600_000);
