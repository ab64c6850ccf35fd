import fc from 'fast-check';
import { expect, test } from 'vitest';
import { controlPlane } from '../support/history-plane.ts';
import { workload } from '../support/registry-values.ts';

const names = ['cart', 'pay', 'web'] as const;
const ports = { cart: [80], pay: [80, 81], web: [90] } as const;
const members = names.flatMap((name) =>
  [1, 2].map((index) =>
    workload(`${name}-${index}`, name, 1, {
      ports: ports[name].map((port) => ({ port, endpointPort: port, protocol: 'http' as const })),
    }),
  ),
);

const host = fc.constantFrom(...names, 'crat', 'pay.shop', 'web.shop.svc.cluster.local');
const destination = fc
  .tuple(host, fc.option(fc.constantFrom(80, 81, 90), { nil: undefined }))
  .map(([of, port]) => `{ host: ${of}${port === undefined ? '' : `, port: { number: ${port} }`} }`);
const route = fc
  .tuple(host, destination, fc.option(destination, { nil: undefined }))
  .map(
    ([of, to, mirror]) =>
      `kind: VirtualService\nmetadata: { name: NAME }\nspec: { hosts: [${of}], http: [{ ${mirror === undefined ? '' : `mirror: ${mirror}, `}route: [{ destination: ${to} }] }] }`,
  );
const sidecar = host.map(
  (of) =>
    `kind: Sidecar\nmetadata: { name: NAME }\nspec: { egress: [{ hosts: ["./${of}.shop.svc.cluster.local", "./cart.shop.svc.cluster.local"] }] }`,
);
const tree = fc
  .array(fc.oneof({ weight: 4, arbitrary: route }, { weight: 1, arbitrary: sidecar }), { minLength: 1, maxLength: 4 })
  .map((all) =>
    all
      .map((text, index) => `apiVersion: networking.istio.io/v1\n${text.replace('NAME', `o${index}`)}\n`)
      .join('---\n'),
  );
const event = fc.oneof(
  fc.record({ kind: fc.constant('come' as const), who: fc.constantFrom(...members) }),
  fc.record({ kind: fc.constant('leave' as const), who: fc.constantFrom(...members) }),
  fc.constant({ kind: 'restart' as const }),
);

type Plane = Awaited<ReturnType<typeof controlPlane>>;
const isGood = (plane: Plane, text: string) => plane.commit({ a: text }).policies !== undefined;

async function after(history: readonly (typeof event extends fc.Arbitrary<infer E> ? E : never)[], from: Plane) {
  let now = from;
  for (const one of history) {
    if (one.kind === 'restart') now = await now.restart();
    else if (one.kind === 'come') now.join(one.who);
    else now.leave(one.who);
  }
  return now;
}

test('a commit is good or not by what has ever joined, whoever is there now and whenever the server started', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(event, { maxLength: 12 }), tree, async (history, text) => {
      const lived = await after(history, await controlPlane());
      const ever = history.flatMap((one) => (one.kind === 'come' ? [one.who] : []));
      const everybody = await controlPlane(undefined, ever);
      expect(isGood(lived, text)).toBe(isGood(everybody, text));
    }),
    { numRuns: 150 },
  );
});

test('what was served is good for ever, beside whatever else is new, whoever comes and goes', async () => {
  const other =
    '---\napiVersion: v1\nkind: Service\nmetadata: { name: db }\nspec: { selector: { app: db }, ports: [{ name: http, port: 1 }] }\n';
  await fc.assert(
    fc.asyncProperty(
      // What is taken before anybody has ever joined is judged by its names later (decision 47).
      fc.constantFrom(...members),
      fc.array(event, { maxLength: 8 }),
      tree,
      fc.array(fc.array(event, { maxLength: 4 }), { minLength: 1, maxLength: 3 }),
      async (first, history, text, later) => {
        const now = await after([{ kind: 'come', who: first }, ...history], await controlPlane());
        fc.pre(isGood(now, text));
        for (const [index, more] of later.entries()) {
          // Who restarts reads what it served first (startPolicySource), so that is what a restart is here, too.
          await after(
            more.filter(({ kind }) => kind !== 'restart'),
            now,
          );
          expect(isGood(now, `# ${index}\n${text}${other}`)).toBe(true);
        }
      },
    ),
    { numRuns: 60 },
  );
}, 60_000);
