import { expect, test } from 'vitest';
import type { Policy } from '../../src/model/policy.ts';
import { parsePolicies } from '../../src/policy/parse-policies.ts';
import { createReferenceCheck } from '../../src/policy/references.ts';
import { dr, route, settings, vs } from '../support/reference-check.ts';

const rules = 640;
const nobody: readonly never[] = [];

/** The rules of a text, and how often somebody read whether one of them begins TLS since it was asked last. */
function countedRules(text: string): { readonly objects: readonly Policy[]; readonly reads: () => number } {
  let count = 0;
  const objects = parse(text).map((object): Policy => {
    if (object.kind !== 'DestinationRule' || object.spec.trafficPolicy === undefined) return object;
    const { tls, ...rest } = object.spec.trafficPolicy;
    const trafficPolicy = Object.defineProperty({ ...rest }, 'tls', {
      get() {
        count += 1;
        return tls;
      },
    });
    return { ...object, spec: { ...object.spec, trafficPolicy } };
  });
  const reads = () => {
    const before = count;
    count = 0;
    return before;
  };
  return { objects, reads };
}

function parse(text: string): readonly Policy[] {
  const options = { commit: 'x', rootNamespace: 'istio-system', folders: 'free' } as const;
  return parsePolicies([{ path: 'policies/shop/a.yaml', text }], options).objects;
}

test('rules are looked at in steps, each once for all changes beside it (WEFT0167)', () => {
  const texts = Array.from({ length: rules }, (_, index) =>
    dr(`rule-${index}`, `  host: host-${index}.example.com\n  trafficPolicy: { tls: { mode: ISTIO_MUTUAL } }\n`),
  );
  const { objects, reads } = countedRules(texts.join(''));
  const check = createReferenceCheck();
  /** The most reads in one step, and those of all steps. */
  const work = (policies: readonly Policy[]) => {
    const steps = check(policies, nobody, nobody, settings);
    let [most, all] = [0, 0];
    for (let done = false; !done; ) {
      done = steps.next().done === true;
      const now = reads();
      [most, all] = [Math.max(most, now), all + now];
    }
    return { most, all };
  };
  const first = work(objects);
  expect(first.all).toBeGreaterThanOrEqual(rules);
  expect(first.most).toBeLessThan(rules);
  expect(work([...objects, ...parse(vs('reviews', route('{ host: reviews }')))])).toEqual({ most: 0, all: 0 });
});
