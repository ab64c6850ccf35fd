import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createCell } from '../../src/model/readable.ts';
import { withEntries } from '../../src/model/sorted-map.ts';
import type { Workload } from '../../src/model/workload.ts';
import { createKnownServices } from '../../src/registry/known-services.ts';
import { decodeServices } from '../../src/registry/saved-services.ts';
import { fakeClock } from '../support/fake-clock.ts';
import { memoryStore } from '../support/memory-store.ts';
import { settings, workload } from '../support/registry-values.ts';

/** A registry and how often a label of a workload was read. */
async function registry() {
  const counter = { reads: 0 };
  const store = memoryStore();
  const joined = createCell<ReadonlyMap<string, Workload>>(new Map());
  const known = createKnownServices({ store, clock: fakeClock(), settings, joined });
  await known.restore();
  const counted = (name: string, labels: Readonly<Record<string, string>>): Workload => {
    const one = workload(name, 'reviews', 19_080);
    return Object.defineProperty({ ...one }, 'labels', {
      enumerable: true,
      get() {
        counter.reads += 1;
        return { ...one.labels, ...labels };
      },
    });
  };
  const set = (changes: readonly (readonly [string, Workload | undefined])[]) =>
    joined.set(withEntries(joined.get(), new Map(changes)));
  const saved = async () => {
    await known.flush();
    const bytes = store.content.get('registry/known-services.json');
    return bytes ? decodeServices(bytes) : [];
  };
  return { counter, counted, set, saved };
}

test.each([
  ['equal', () => ({})],
  ['each with a label of its own', (index: number) => ({ instance: `i-${index}` })],
])('a change costs what it changes, however many members the service has: %s', async (_, labels) => {
  const { counter, counted, set } = await registry();
  const members = Array.from({ length: 1_000 }, (_, index) => counted(`reviews-${index}`, labels(index)));
  set(members.map((one) => [one.id, one]));
  counter.reads = 0;
  for (let index = 0; index < 50; index++)
    set([[`more-${index}.shop`, counted(`more-${index}`, labels(2_000 + index))]]);
  expect(counter.reads).toBeLessThan(50 * 4);
});

test('property: what was there last are the first eight shapes of those who are there', async () => {
  const change = fc.array(fc.tuple(fc.integer({ min: 0, max: 14 }), fc.option(fc.integer({ min: 0, max: 12 }))), {
    minLength: 1,
    maxLength: 12,
  });
  await fc.assert(
    fc.asyncProperty(fc.array(change, { maxLength: 12 }), async (changes) => {
      const { counted, set, saved } = await registry();
      const now = new Map<number, number>();
      let last: readonly string[] = [];
      for (const each of changes) {
        const whole = new Map(each);
        for (const [who, shape] of whole) {
          if (shape === null) now.delete(who);
          else now.set(who, shape);
        }
        set(
          [...whole].map(([who, shape]) => [
            `r-${who}.shop`,
            shape === null ? undefined : counted(`r-${who}`, { shape: String.fromCharCode(97 + shape) }),
          ]),
        );
        const shapes = [...new Set(now.values())].sort((a, b) => a - b).map((shape) => String.fromCharCode(97 + shape));
        if (shapes.length > 0) last = shapes.slice(0, 8);
      }
      const [service] = await saved();
      expect((service?.last ?? []).map(({ labels }) => labels.shape)).toEqual(last);
    }),
    { numRuns: 100 },
  );
});
