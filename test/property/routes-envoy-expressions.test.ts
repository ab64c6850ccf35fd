import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import { byDefault } from '../../src/model/provenance.ts';
import { regexProblem } from '../../src/policy/re2.ts';
import { re2Matches } from '../../src/policy/re2-match.ts';
import { RouteConfigurationSchema } from '../../src/proto/gen/envoy/config/route/v3/route_pb.ts';
import { message } from '../../src/proto/message.ts';
import { rawHttp } from '../support/raw-http.ts';
import { startRouteEnvoy, tellingRoutes } from '../support/route-envoy.ts';

const isLong = process.env.WEFT_LONG === '1';
const expressions = isLong ? 1_000 : 150;
const valuesEach = 10;
const seed = Number(process.env.WEFT_SEED ?? Math.floor(Math.random() * 2 ** 31));

const cleanup: (() => unknown)[] = [];
afterAll(async () => {
  for (const stop of cleanup.splice(0)) await stop();
});

/** Expressions over few characters, so that values meet them; all that RE2 has besides captures. */
const { tree } = fc.letrec<{ tree: string; branch: string; piece: string; atom: string }>((tie) => ({
  tree: fc.oneof(
    { weight: 3, arbitrary: tie('branch') },
    { weight: 1, arbitrary: fc.tuple(tie('branch'), tie('branch')).map((parts) => parts.join('|')) },
  ),
  branch: fc.array(tie('piece'), { minLength: 0, maxLength: 4 }).map((pieces) => pieces.join('')),
  piece: fc
    .tuple(
      tie('atom'),
      fc.constantFrom('', '', '', '*', '+', '?', '*?', '+?', '??', '{2}', '{1,2}', '{0,}', '{2,}', '{0}', '{1,3}?'),
    )
    .map(([atom, times]) => (/^(?:\^|\$|\\[AzbB]|\(\?[a-zA-Z-]+\))$/.test(atom) ? atom : `${atom}${times}`)),
  atom: fc.oneof(
    { depthSize: 'small', maxDepth: 3 },
    fc.constantFrom('a', 'b', 'A', 'B', '1', '_', '-', '.', '\\.', '/', 'é', ' ', '{', '}', ']', ',', '\\-'),
    fc.constantFrom('[ab]', '[^a]', '[a-c]', '[A-Z1]', '[^\\w]', '[\\d_-]', '[]a]', '[^]a]', '[a\\]]', '[é]', '[a-]'),
    fc.constantFrom('[[:alpha:]]', '[[:^digit:]]', '[[:word:][:space:]]', '[[:upper:]b]', '[[:punct:]]', '[\\x61-b]'),
    fc.constantFrom('\\d', '\\D', '\\w', '\\W', '\\s', '\\S', '\\pL', '\\PL', '\\p{Lu}', '\\p{^N}', '\\pN', '\\C'),
    fc.constantFrom('\\x61', '\\x{41}', '\\061', '\\t', '\\a', '\\xC3', '\\p{Greek}', '\\pP'),
    fc.constantFrom('^', '$', '\\A', '\\z', '\\b', '\\B', '(?i)', '(?s)', '(?-i)', '(?m)', '(?U)', '(?i-s)'),
    tie('tree').map((inner) => `(${inner})`),
    fc
      .tuple(fc.constantFrom('?:', '?i:', '?-i:', '?P<n>', '?<m>', '?s:', '?i-m:'), tie('tree'))
      .map(([head, inner]) => `(${head}${inner})`),
  ),
}));
const expression = tree.filter((text) => regexProblem(text) === undefined && text !== '');
const value = fc
  .string({ unit: fc.constantFrom('a', 'b', 'A', 'B', '1', '_', '-', '.', '/', 'é', ' ', 'c', '{', ']'), maxLength: 6 })
  .filter((text) => text.trim() === text);

/** A value of the few characters that the expression names itself. */
function near(text: string): fc.Arbitrary<string> {
  const plain = [...text.replaceAll(/[\\()[\]{}^$*+?|:<>]/g, '')].filter((char) => char.trim() !== '');
  const unit = plain.length === 0 ? fc.constant('a') : fc.constantFrom(...plain);
  return fc.oneof(value, fc.string({ unit, maxLength: 4 }));
}

test('P12 random expressions match what they match in Envoy', async () => {
  const written = fc.sample(expression, { numRuns: expressions, seed, unbiased: true });
  const routes = message(RouteConfigurationSchema, {
    name: 'expressions',
    virtualHosts: written.map((regex, index) => ({
      name: `e${index}`,
      domains: [`e${index}`],
      routes: [
        {
          match: {
            pathSpecifier: { case: 'prefix' as const, value: '/' },
            headers: [
              {
                name: 'x-value',
                headerMatchSpecifier: {
                  case: 'stringMatch' as const,
                  value: { matchPattern: { case: 'safeRegex' as const, value: { regex } } },
                },
              },
            ],
          },
        },
      ],
    })),
  });
  const terms = { pathNormalization: byDefault('dots' as const, 'D22'), accessLog: byDefault(undefined, 'D28') };
  const envoy = await startRouteEnvoy([{ terms, routes: tellingRoutes(routes) }]);
  cleanup.push(envoy.stop);
  const client = rawHttp(envoy.ports[0] ?? 0);
  cleanup.push(client.close);
  let matched = 0;
  const wrong: object[] = [];
  for (const [index, regex] of written.entries()) {
    for (const text of fc.sample(near(regex), { numRuns: valuesEach, seed: seed + index, unbiased: true })) {
      const bytes = Buffer.from(text).toString('latin1');
      const { status } = await client.ask(['GET / HTTP/1.1', `host: e${index}`, `x-value: ${bytes}`]);
      const matches = re2Matches(regex, text);
      if (matches) matched += 1;
      if ((status === 200) !== matches) wrong.push({ regex, text, status, matches });
    }
  }
  expect(wrong.slice(0, 5), `${wrong.length} differ with WEFT_SEED=${seed}`).toEqual([]);
  expect(matched).toBeGreaterThan(expressions / 2);
  console.log(
    `promise P12: ${expressions * valuesEach} values on ${expressions} random expressions matched as in Envoy, ${matched} of them; WEFT_SEED=${seed}`,
  );
}, 240_000);
