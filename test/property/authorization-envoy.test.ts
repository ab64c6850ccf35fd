import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import type { Authorization, Inbound } from '../../src/model/ir-inbound.ts';
import { type AuthorizationDecision, decideAuthorization } from '../../src/resolve/authorization-decision.ts';
import type { SeenCall } from '../../src/resolve/holds.ts';
import { seenBytes, seenCall } from '../../src/resolve/seen-call.ts';
import { seenToken } from '../../src/resolve/seen-token.ts';
import { requestRules } from '../../src/translate/rbac.ts';
import { askBytes, askHttp, askHttp2, identitiesOf, startEcho } from '../support/authorization-caller.ts';
import { startDoorEnvoy } from '../support/authorization-envoy.ts';
import { eventually } from '../support/eventually.ts';
import { issuerKey, keySet, signedToken } from '../support/json-web-token.ts';
import { isRefusedPath, refusedDestination, startJudges } from '../support/judges.ts';
import { type Call, call, principals, type SentToken } from './authorization-calls.ts';
import { doorOf, type World, world } from './authorization-world.ts';

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
function expected(inbound: Inbound, { identity, source, destination, serverName, request, token }: Call): string {
  const connection = {
    principal: identity === undefined ? null : (principals[identity] ?? null),
    sourceAddress: source,
    destinationAddress: destination,
    serverName: serverName ?? null,
  };
  if (request === undefined) {
    const { outcome } = decideAuthorization(inbound, seenBytes({ ...connection, claims: null }));
    if (outcome === 'unknown') throw new Error('nothing is unknown here');
    const isAllowed = outcome === 'asked' ? destination !== refusedDestination : outcome === 'allowed';
    return isAllowed ? '200' : 'closed';
  }
  const seen = seenCall(connection, request, inbound.terms.pathNormalization.value);
  if (inbound.mtls.value === 'STRICT' && identity === undefined) return 'closed';
  if ('refused' in seen) return `${seen.refused}`;
  // The judge that is asked over gRPC says 429.
  if (isAsked(inbound, seen) && isRefusedPath(seen.path ?? ''))
    return inbound.authorization.custom?.authorizer.http ? '403 ext_authz_denied - - - - -' : '429';
  if (inbound.tokens !== undefined && token !== undefined && token.kind !== 'good') return '401';
  const shown = seenToken(inbound.tokens, token?.claims ?? null);
  return 'refused' in shown ? `${shown.refused}` : answer(inbound, { ...seen, claims: shown.claims });
}

/** The authorizer comes before tokens and rules (P39). */
function isAsked({ mtls, authorization: { custom } }: Inbound, seen: SeenCall): boolean {
  if (custom === undefined) return false;
  return decideAuthorization({ mtls, authorization: { custom, deny: [], allow: undefined } }, seen).outcome === 'asked';
}

/** With what is noted of it (P46): AUDIT comes before DENY, and that before ALLOW. Who refuses notes nothing before its answer is made. */
function answer({ mtls, authorization }: Inbound, seen: SeenCall): string {
  const { why, by, audited } = decideAuthorization({ mtls, authorization }, seen);
  const { deny = [], allow } = authorization.dryRun ?? {};
  const alone = (rules: Pick<Authorization, 'deny' | 'allow'>) =>
    decideAuthorization({ mtls, authorization: rules }, seen);
  const wouldDeny = alone({ deny, allow: undefined });
  const wouldAllow = alone({ deny: [], allow });
  const noted = (acts: boolean, { outcome, by: rule }: AuthorizationDecision) =>
    acts ? [outcome === 'allowed' ? 'allowed' : 'denied', rule?.id ?? '-'] : ['-', '-'];
  const refused = why === 'deny' || why === 'no-allow-rule';
  return [
    refused ? `403 rbac_access_denied_matched_policy[${by?.id ?? 'none'}]` : '200 direct_response',
    audited[0]?.id ?? '-',
    ...noted(deny.length > 0 && why !== 'deny', wouldDeny),
    ...noted(allow !== undefined && !refused, wouldAllow),
  ].join(' ');
}

/** What is noted of a connection that was let in. */
function notesOf(inbound: Inbound, { identity, source, destination, serverName }: Call): string {
  const principal = identity === undefined ? null : (principals[identity] ?? null);
  const connection = {
    principal,
    sourceAddress: source,
    destinationAddress: destination,
    serverName: serverName ?? null,
  };
  const [, , ...noted] = answer(inbound, seenBytes({ ...connection, claims: null })).split(' ');
  return noted.join(' ');
}

/** Of many rules about requests (decision 62). */
function isTree(inbound: Inbound): boolean {
  if (inbound.protocol === 'tcp') return false;
  const { allow, deny } = requestRules(inbound);
  return [allow?.matcher, allow?.shadowMatcher, deny?.matcher].some((matcher) => matcher !== undefined);
}

/** A token as a caller sends it. */
function bearer({ kind, claims }: SentToken): string {
  const now = Math.floor(Date.now() / 1000);
  const exp = kind === 'ended' ? now - 3_600 : now + 3_600;
  return `Bearer ${signedToken(kind === 'forged' ? forger : issuerKeyOfAll, { ...claims, exp })}`;
}
const issuerKeyOfAll = issuerKey('one');
const forger = issuerKey('one');

test('P39 T14 the evaluator and a real Envoy agree on random policies and calls', async () => {
  const started = performance.now();
  const count = pairs / callsEach;
  const worlds = fc.sample(world, { numRuns: count, seed, unbiased: true });
  const jwks = keySet(issuerKeyOfAll);
  const doors = worlds.map((each) => doorOf(each, jwks));
  const { svids, secrets } = await identitiesOf(principals, 'demo.mesh/ns/shop/sa/reviews');
  const echo = await startEcho();
  cleanup.push(() => echo.close());
  const folder = await mkdtemp(join(tmpdir(), 'weft-notes-'));
  cleanup.push(() => rm(folder, { recursive: true, force: true }));
  const log = join(folder, 'connections');
  /** By the two ends of a connection (ports are used again): what its line must say. */
  const notes = new Map<string, { readonly wanted: string; readonly made: Call; readonly world: World | undefined }>();
  const judges = await startJudges();
  cleanup.push(() => judges.close());
  const envoy = await startDoorEnvoy(doors, secrets, echo, 'answer', { judges, log });
  cleanup.push(envoy.stop);
  const trees = new Set(doors.filter(({ inbound }) => isTree(inbound)));
  const outcomes = new Map<string, number>();
  const wrong: string[] = [];
  const asks = worlds.flatMap((each, index) =>
    fc.sample(call(each), { numRuns: callsEach, seed: seed + index, unbiased: true }).map((made) => ({ index, made })),
  );
  const ask = async ({ index, made }: (typeof asks)[number]) => {
    const [door, port] = [doors[index], envoy.ports[index]];
    if (door === undefined || port === undefined) throw new RangeError('no door');
    const svid = made.identity === undefined ? undefined : svids[made.identity];
    const { source, destination, serverName, request: plain, token, http2 } = made;
    const request =
      plain && token ? { ...plain, headers: [...plain.headers, ['authorization', bearer(token)] as const] } : plain;
    const of = { port, source, destination, ...(svid && { svid }), ...(serverName && { serverName }) };
    let ends = '';
    const connected = (both: string) => {
      ends = both;
    };
    const got = await (request === undefined ? askBytes(of, connected) : (http2 ? askHttp2 : askHttp)(of, request));
    if (request === undefined && got === '200')
      notes.set(ends, { wanted: notesOf(door.inbound, made), made, world: worlds[index] });
    const wanted = expected(door.inbound, made);
    const [status = '', details = '', audit = '-', deny = '-', , allow = '-'] = got.split(' ');
    const by = details.includes('[ns') ? ' by a rule' : '';
    for (const [met, kind] of [
      [true, `${door.inbound.protocol} ${status}${by}`],
      [details === 'ext_authz_denied' || status === '429', 'refused by an authorizer'],
      [trees.has(door) && request !== undefined, 'judged by a tree'],
      [audit !== '-', 'audited'],
      [deny === 'denied' || allow === 'denied', 'refused by dry-run'],
      [token?.kind === 'good' && status !== '401' && door.inbound.tokens !== undefined, 'with claims'],
    ] as const)
      if (met) outcomes.set(kind, (outcomes.get(kind) ?? 0) + 1);
    if (got !== wanted) wrong.push(JSON.stringify({ world: worlds[index], made, wanted, got }));
  };
  const queue = asks.values();
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      for (const each of queue) await ask(each);
    }),
  );
  // A line is written when its connection has ended.
  const linesOf = async () =>
    new Map((await readFile(log, 'utf8')).split('\n').map((line) => [line.split(' ')[0] ?? '', line] as const));
  await eventually('Envoy has noted each connection', async () => {
    const lines = await linesOf();
    return [...notes.keys()].every((ends) => lines.has(ends));
  });
  const lines = await linesOf();
  for (const [ends, { wanted, made, world: of }] of notes) {
    const [, ...said] = lines.get(ends)?.split(' ') ?? [];
    if (said.some((word) => word !== '-')) outcomes.set('tcp with notes', (outcomes.get('tcp with notes') ?? 0) + 1);
    if (said.join(' ') !== wanted) wrong.push(JSON.stringify({ world: of, made, wanted, got: said.join(' ') }));
  }
  const shown = wrong.slice(0, 5).join('\n');
  expect(wrong.length, `${wrong.length} of ${pairs} differ with WEFT_SEED=${seed}:\n${shown}`).toBe(0);
  // Each way to end has been gone, or the property says nothing.
  for (const kind of [
    'http 200',
    'http 401',
    'http 403',
    'http 403 by a rule',
    'tcp 200',
    'tcp closed',
    'tcp with notes',
    'audited',
    'judged by a tree',
    'refused by an authorizer',
    'refused by dry-run',
    'with claims',
  ])
    expect(outcomes.get(kind) ?? 0, kind).toBeGreaterThan(isLong ? 20 : 0);
  const tally = [...outcomes].sort().map(([kind, times]) => `${kind} ${times}`);
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(
    `promise T14: ${pairs} random calls to ${count} random policy sets, HTTP and TCP, of ${principals.length} identities and plaintext: ` +
      `0 disagreements of evaluator and Envoy; ${tally.join(', ')}; ${seconds} s, WEFT_SEED=${seed}`,
  );
}, 600_000);
