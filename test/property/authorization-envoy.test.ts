import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import type { Inbound } from '../../src/model/ir-inbound.ts';
import { decideAuthorization } from '../../src/resolve/authorization-decision.ts';
import type { SeenCall } from '../../src/resolve/holds.ts';
import { seenBytes, seenCall } from '../../src/resolve/seen-call.ts';
import { askBytes, askHttp, askHttp2, identitiesOf, startEcho } from '../support/authorization-caller.ts';
import { startDoorEnvoy } from '../support/authorization-envoy.ts';
import { type Call, call, principals } from './authorization-calls.ts';
import { doorOf, world } from './authorization-world.ts';

const isLong = process.env.WEFT_LONG === '1';
const pairs = isLong ? 10_000 : 500;
const callsEach = 10;
const atOnce = 4;
const seed = Number(process.env.WEFT_SEED ?? Math.floor(Math.random() * 2 ** 31));

const cleanup: (() => unknown)[] = [];
afterAll(async () => {
  for (const stop of cleanup.splice(0).reverse()) await stop();
});

/** What the evaluator says, in the words of `askHttp` and `askBytes`. */
function expected(inbound: Inbound, { identity, source, destination, serverName, request }: Call): string {
  const connection = {
    principal: identity === undefined ? null : (principals[identity] ?? null),
    sourceAddress: source,
    destinationAddress: destination,
    serverName: serverName ?? null,
    claims: null,
  };
  if (request === undefined) return decided(inbound, seenBytes(connection), true);
  const seen = seenCall(connection, request, inbound.terms.pathNormalization.value);
  if (inbound.mtls.value === 'STRICT' && identity === undefined) return 'closed';
  return 'refused' in seen ? `${seen.refused}` : decided(inbound, seen, false);
}

function decided(inbound: Inbound, seen: SeenCall, bytes: boolean): string {
  const { outcome, by } = decideAuthorization(inbound, seen);
  switch (outcome) {
    case 'allowed':
      return '200';
    case 'refused':
      return bytes ? 'closed' : `403 rbac_access_denied_matched_policy[${by?.id ?? 'none'}]`;
    default:
      return outcome;
  }
}

test('P39 T14 the evaluator and a real Envoy agree on random policies and calls', async () => {
  const started = performance.now();
  const count = pairs / callsEach;
  const worlds = fc.sample(world, { numRuns: count, seed, unbiased: true });
  const doors = worlds.map(doorOf);
  const { svids, secrets } = await identitiesOf(principals, 'demo.mesh/ns/shop/sa/reviews');
  const echo = await startEcho();
  cleanup.push(() => echo.close());
  const envoy = await startDoorEnvoy(doors, secrets, echo);
  cleanup.push(envoy.stop);
  const outcomes = new Map<string, number>();
  const wrong: string[] = [];
  const asks = worlds.flatMap((each, index) =>
    fc.sample(call(each), { numRuns: callsEach, seed: seed + index, unbiased: true }).map((made) => ({ index, made })),
  );
  const ask = async ({ index, made }: (typeof asks)[number]) => {
    const [door, port] = [doors[index], envoy.ports[index]];
    if (door === undefined || port === undefined) throw new RangeError('no door');
    const svid = made.identity === undefined ? undefined : svids[made.identity];
    const { source, destination, serverName, request, http2 } = made;
    const of = { port, source, destination, ...(svid && { svid }), ...(serverName && { serverName }) };
    const got = await (request === undefined ? askBytes(of) : (http2 ? askHttp2 : askHttp)(of, request));
    const wanted = expected(door.inbound, made);
    const kind = `${door.inbound.protocol} ${got.includes('[ns') ? '403 by a rule' : got.replace(/ .*/, '')}`;
    outcomes.set(kind, (outcomes.get(kind) ?? 0) + 1);
    if (got !== wanted) wrong.push(JSON.stringify({ world: worlds[index], made, wanted, got }));
  };
  const queue = asks.values();
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      for (const each of queue) await ask(each);
    }),
  );
  const shown = wrong.slice(0, 5).join('\n');
  expect(wrong.length, `${wrong.length} of ${pairs} differ with WEFT_SEED=${seed}:\n${shown}`).toBe(0);
  // Each way to end has been gone, or the property says nothing.
  for (const kind of ['http 200', 'http 403', 'http 403 by a rule', 'tcp 200', 'tcp closed'])
    expect(outcomes.get(kind) ?? 0, kind).toBeGreaterThan(pairs / 500);
  const tally = [...outcomes].sort().map(([kind, times]) => `${kind} ${times}`);
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(
    `promise T14: ${pairs} random calls to ${count} random policy sets, HTTP and TCP, of ${principals.length} identities and plaintext: ` +
      `0 disagreements of evaluator and Envoy; ${tally.join(', ')}; ${seconds} s, WEFT_SEED=${seed}`,
  );
}, 600_000);
