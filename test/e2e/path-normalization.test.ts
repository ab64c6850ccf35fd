import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { doorOf, type World } from '../property/authorization-world.ts';
import { identitiesOf, startEcho } from '../support/authorization-caller.ts';
import { startDoorEnvoy } from '../support/authorization-envoy.ts';
import { type RawHttp, rawHttp } from '../support/raw-http.ts';

/*
 * P47: one DENY policy of `/admin` and of all below it, in each mode of `pathNormalization`, before one real Envoy. Each line says what becomes of a
 * target: 403, the rule saw it; 200, it is another path for rules and application alike; 400, Envoy takes it for no path.
 */

const modes = ['NONE', 'BASE', 'MERGE_SLASHES', 'DECODE_AND_MERGE_SLASHES'] as const;
type Statuses = readonly [none: number, base: number, merge: number, decode: number];

const everywhere: Statuses = [403, 403, 403, 403];
const nowhere: Statuses = [200, 200, 200, 200];
const fromBase: Statuses = [200, 403, 403, 403];
const fromMerge: Statuses = [200, 200, 403, 403];
const decodedOnly: Statuses = [200, 200, 200, 403];

const targets: readonly (readonly [target: string, statuses: Statuses])[] = [
  ['/admin', everywhere],
  ['/admin/', everywhere],
  ['/admin/users', everywhere],
  ['/admin?q=/public', everywhere],
  ['http://reviews/admin', everywhere],
  // Slashes that stand twice.
  ['//admin', fromMerge],
  ['///admin', fromMerge],
  ['//admin//users', fromMerge],
  ['http://reviews//admin', fromMerge],
  ['/admin//users', everywhere],
  // Dots, also written as %2e, with backslashes for slashes; letters that need no escape.
  ['/x/../admin', fromBase],
  ['/./admin', fromBase],
  ['/%2e%2e/admin', fromBase],
  ['/x/%2E%2e/admin', fromBase],
  ['/x/y/../../admin', fromBase],
  ['/%61dmin', fromBase],
  ['/x\\..\\admin', fromBase],
  ['/..;/admin', fromBase],
  // Slashes that are escaped: one path with what follows, until they are decoded.
  ['/admin%2Fusers', decodedOnly],
  ['/x/..%2Fadmin', decodedOnly],
  ['/x%5C..%5Cadmin', decodedOnly],
  ['/%2fadmin', decodedOnly],
  // Another path in every mode: whoever reads it so reads it so everywhere.
  ['/admin;a=b', nowhere],
  ['/ADMIN', nowhere],
  ['/admin%20', nowhere],
  ['/admin%3Fx', nowhere],
  ['/%252e%252e/admin', nowhere],
  ['/admin%252Fusers', nowhere],
  ['/admin%zz', nowhere],
  ['/%c0%aeadmin', nowhere],
  ['/adm', nowhere],
  ['/public', nowhere],
  ['/admin/..', [403, 200, 200, 200]],
  ['/admin%00', [200, 400, 400, 400]],
];

const world = (normalization: World['normalization']): World => ({
  protocol: 'http',
  port: 80,
  mode: 'PERMISSIVE',
  normalization,
  tokens: [],
  policies: [
    {
      action: 'DENY',
      dryRun: false,
      namespace: 'shop',
      rules: [{ to: [{ operation: { paths: ['/admin', '/admin/*'] } }] }],
    },
  ],
});

const stops: (() => unknown)[] = [];
let clients: readonly RawHttp[] = [];
beforeAll(async () => {
  const { secrets } = await identitiesOf([], 'demo.mesh/ns/shop/sa/reviews');
  const echo = await startEcho();
  stops.push(() => echo.close());
  const envoy = await startDoorEnvoy(
    modes.map((mode) => doorOf(world(mode), '')),
    secrets,
    echo,
  );
  stops.push(envoy.stop);
  clients = modes.map((_, index) => rawHttp(envoy.ports[index] ?? 0));
});
afterAll(async () => {
  for (const client of clients) client.close();
  for (const stop of stops.reverse()) await stop();
});

describe('P47: DENY of /admin and below', () => {
  test.each(targets)('%s', async (target, statuses) => {
    const asked: number[] = [];
    for (const client of clients) asked.push((await client.ask([`GET ${target} HTTP/1.1`, 'host: reviews'])).status);
    expect(Object.fromEntries(modes.map((mode, index) => [mode, asked[index]]))).toEqual(
      Object.fromEntries(modes.map((mode, index) => [mode, statuses[index]])),
    );
  });
});

test('P47: how many ways around each mode leaves', () => {
  const left = modes.map((mode, index) => {
    const tricks = targets.filter(([, statuses]) => statuses[3] === 403);
    return `${mode} ${tricks.filter(([, statuses]) => statuses[index] === 200).length} of ${tricks.length}`;
  });
  console.log(
    `promise P47: ${targets.length} targets in ${modes.length} modes; written otherwise, these reach what is denied: ${left.join(', ')}`,
  );
  expect(left.at(-1)).toMatch(/ 0 of /);
});
