import { describe, expect, test } from 'vitest';
import { EditedElsewhere, type Step, steps } from '../../src/cli/demo/steps.ts';
import type { PageView } from '../../src/cli/demo/traffic.ts';
import { createTreeCheck } from '../../src/control-plane/check-tree.ts';
import { settings } from '../support/registry-values.ts';
import { shopPolicies } from '../support/test-mesh.ts';

function step(name: Step['name']): Step {
  const found = steps.find((each) => each.name === name);
  if (!found) throw new Error(`no step ${name}`);
  return found;
}

/** Pages of which every nth is not as usual. */
function pages(count: number, special: Partial<PageView> = {}, every = 1, usual: Partial<PageView> = {}): PageView[] {
  return Array.from({ length: count }, (_, index) => ({
    at: index,
    status: 200,
    catalog: 200,
    reviews: 200,
    version: 'v1',
    ...usual,
    ...(index % every === 0 ? special : {}),
  }));
}

describe('the edit of each step, on the shop as it is shipped', () => {
  test('is found in the file, and is what the check says it is', async () => {
    const files = await shopPolicies();
    for (const { name, file, edit, rejectedWith } of steps) {
      const text = edit(files[file] ?? '');
      expect(text, name).not.toBe(files[file]);
      const check = createTreeCheck({ settings, folders: 'free', root: 'policies', joined: () => undefined });
      const { policies, diagnostics } = check({
        commit: 'c1',
        files: Object.entries({ ...files, [file]: text }).map(([path, content]) => ({
          path: `policies/${path}`,
          text: content,
        })),
        diagnostics: [],
        author: 'Ana',
        subject: name,
        time: 0,
      });
      const errors = diagnostics.filter(({ severity }) => severity === 'error').map(({ code }) => code);
      expect(errors, name).toEqual(rejectedWith === undefined ? [] : [rejectedWith]);
      expect(policies === undefined, name).toBe(rejectedWith !== undefined);
    }
  });

  test('all four can be made one after another', async () => {
    const files: Record<string, string> = { ...(await shopPolicies()) };
    for (const { file, edit } of steps) files[file] = edit(files[file] ?? '');
    expect(files['reviews.yaml']).toMatch(/wieght: 50/);
    expect(files['reviews.yaml']).toMatch(/httpStatus: 503/);
    expect(files['authz.yaml']).toMatch(/closed-for-today/);
  });

  test.each(['canary', 'fault', 'broken'] as const)('%s says so when its place is gone', (name) => {
    expect(() => step(name).edit('kind: Service\n')).toThrow(EditedElsewhere);
    expect(() => step(name).edit('kind: Service\n')).toThrow(/the policies no longer hold "/);
  });

  test('the canary cannot be set twice', async () => {
    const { edit, file } = step('canary');
    const once = edit((await shopPolicies())[file] ?? '');
    expect(() => edit(once)).toThrow(EditedElsewhere);
  });

  test('keys are 1 to 4', () => {
    expect(steps.map(({ key }) => key)).toEqual(['1', '2', '3', '4']);
  });
});

describe('what is judged', () => {
  test('canary: the share of v2 among answered reviews', () => {
    const { judge } = step('canary');
    expect(judge(pages(149))).toBeUndefined();
    expect(judge(pages(300, { reviews: 503 }))).toBeUndefined();
    expect(judge(pages(200, { version: 'v2' }, 2))).toEqual({
      ok: true,
      text: 'frontend -> reviews  v2 10% -> 50% of 200 requests',
    });
    expect(judge(pages(200, { version: 'v2' }, 10))).toMatchObject({ ok: false });
    expect(judge(pages(200, { version: 'v2' }))).toMatchObject({ ok: false });
    expect(judge(pages(200, { reviews: 503 }, 4, { version: 'v1' }))).toMatchObject({ ok: false });
  });

  test('forbid and broken: reviews may fail on purpose, by key 2', () => {
    const failing = pages(200, { reviews: 503 }, 7, { payment: 403 });
    expect(step('forbid').judge(failing)).toMatchObject({ ok: true });
    expect(step('broken').judge(failing)).toMatchObject({ ok: true });
  });

  test('fault: a tenth of reviews fails', () => {
    const { judge } = step('fault');
    expect(judge(pages(199))).toBeUndefined();
    expect(judge(pages(200, { reviews: 503 }, 10))).toEqual({
      ok: true,
      text: 'frontend -> reviews  100% -> 90% of 200 requests',
    });
    expect(judge(pages(200))).toMatchObject({ ok: false });
    expect(judge(pages(200, { reviews: 503 }, 2))).toMatchObject({ ok: false });
  });

  test('forbid: every payment is refused, and nothing else', () => {
    const { judge } = step('forbid');
    expect(judge(pages(500))).toBeUndefined();
    expect(judge(pages(90, { payment: 403 }, 10))).toBeUndefined();
    expect(judge(pages(100, { payment: 403 }, 10))).toEqual({
      ok: true,
      text: 'frontend -> payments  10 of 10 answered 403, everything else as before',
    });
    expect(judge(pages(100, { payment: 200 }, 10))).toMatchObject({ ok: false });
    expect(judge([...pages(100, { payment: 403 }, 10), ...pages(1, { catalog: 503 })])).toMatchObject({ ok: false });
  });

  test('broken: every page is served as before', () => {
    const { judge } = step('broken');
    expect(judge(pages(99))).toBeUndefined();
    expect(judge(pages(100))).toEqual({ ok: true, text: '100 of 100 pages served as before' });
    for (const special of [{ status: 503 }, { catalog: 0 }])
      expect(judge(pages(100, special, 100))).toEqual({ ok: false, text: '99 of 100 pages served as before' });
  });
});
