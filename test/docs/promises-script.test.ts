import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, test } from 'vitest';

const cwd = resolve(import.meta.dirname, '../..');

function run(script: string, ...args: readonly string[]) {
  const { stdout, stderr, status } = spawnSync(process.execPath, [script, ...args], { cwd, encoding: 'utf8' });
  return { said: `${stdout}${stderr}`, status };
}

describe('npm run promises', () => {
  test.each([['X999'], ['T10', 'T999'], ['--fast']])(
    '%s: there is none of that name, and these there are',
    (...ids) => {
      const { said, status } = run('scripts/promises.mjs', ...ids);
      expect(status).toBe(2);
      expect(said).toContain(`no promise is called ${ids.at(-1)}; there are`);
      expect(said).toMatch(/promises: T7 T8 .*F28/);
      expect(said).toMatch(/rules with a long form: .*X92/);
    },
  );

  test('--help names them as well', () => {
    const { said, status } = run('scripts/promises.mjs', '--help');
    expect([status, /promises: T7 T8 .*F28/.test(said)]).toEqual([0, true]);
  });
});

describe('npm run bench', () => {
  const files = readdirSync(resolve(cwd, 'bench')).filter((name) => name.endsWith('.ts'));
  const names = files.map((name) => name.replace(/\.ts$/, '')).sort();
  const known = `benchmarks: ${names.join(', ')} (`;

  test.each([['nosuch'], ['push', 'nosuch'], ['push', '--nosuch']])('%s %s: there is none of that name', (...args) => {
    const { said, status } = run('scripts/bench.mjs', ...args);
    expect(status).toBe(2);
    expect(said).toContain(`there is no ${args.at(-1)}: `);
    expect(names).toContain('push');
    expect(said).toContain(known);
  });

  test('--help names them as well', () => {
    const { said, status } = run('scripts/bench.mjs', '--help');
    expect([status, said.includes(known)]).toEqual([0, true]);
  });
});

interface Judged {
  readonly table: readonly string[];
  readonly summary: string;
  readonly good: boolean;
}

/** What scripts/promise-verdict.mjs makes of runs. */
function judge(runs: readonly object[], wanted: readonly string[] = []): Judged {
  const program = `import { judge } from './scripts/promise-verdict.mjs';
    console.log(JSON.stringify(judge(${JSON.stringify(runs)}, ${JSON.stringify(wanted)})));`;
  const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', program], { cwd, encoding: 'utf8' });
  return JSON.parse(stdout);
}

describe('the verdict on promises', () => {
  test('each that printed its number was kept', () => {
    const runs = [
      {
        ids: ['T8', 'T10'],
        lines: ['T8 1', 'T10 2', 'T10 3'].map(pair),
        tests: [{ title: 'T8 a' }, { title: 'T10 b' }],
      },
      { ids: [], lines: [['X91', '4']], tests: [{ title: 'X91 X92 c' }] },
    ];
    expect(judge(runs)).toEqual({
      table: ['promise T8: 1', 'promise T10: 2', 'promise T10: 3', 'promise X91: 4'],
      summary: '3 promises kept, 0 broken',
      good: true,
    });
  });

  test('a test that fails breaks what its title names, whatever it had printed; what printed nothing was not kept', () => {
    const runs = [
      { ids: ['T8', 'T10'], lines: [pair('T10 5')], tests: [{ title: 'T10 b', failure: 'too slow' }] },
      { ids: ['INV'], lines: [], tests: [{ title: 'INV1 to INV3 hold', failure: 'INV2' }] },
      { ids: ['T7'], lines: [], tests: [{ failure: 'no such file' }] },
    ];
    expect(judge(runs)).toEqual({
      table: [
        'BROKEN T10: T10 b: too slow',
        'BROKEN T8: not run: no test printed its number',
        'BROKEN INV: INV1 to INV3 hold: INV2',
        'BROKEN T7: could not be run: no such file',
      ],
      summary: '0 promises kept, 4 broken',
      good: false,
    });
  });

  test('a rule that was asked for is kept by its test, which may print the number of another', () => {
    const runs = [{ ids: [], lines: [pair('X91 6')], tests: [{ title: 'X91 X92 c' }] }];
    expect(judge(runs, ['X92', 'X70'])).toEqual({
      table: ['promise X91: 6', 'promise X92: held: X91 X92 c', 'BROKEN X70: not run'],
      summary: '2 promises kept, 1 broken',
      good: false,
    });
  });

  test('nothing at all is not good', () => {
    expect(judge([])).toEqual({ table: [], summary: '0 promises kept, 0 broken', good: false });
  });
});

/** `T8 1`: the line of T8 that says 1. */
function pair(text: string): readonly string[] {
  return text.split(' ');
}
