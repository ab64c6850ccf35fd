import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { envoyPath } from '../support/envoy-path.ts';
import { commandsOf, freePortBase, isAsShown, loopbackAddress, type Ran, runCommands } from './readme-commands.ts';

const folder = join(import.meta.dirname, '../../examples/plain-envoy');
const commands = commandsOf(join(folder, 'README.md'));
const work = mkdtempSync(join(tmpdir(), 'weft-plain-'));
let ran: Ran;

beforeAll(async () => {
  const base = await freePortBase([1, 12, 14, 6_000]);
  const env = { WORK: work, PORT_BASE: String(base), HOST: loopbackAddress(), ENVOY: await envoyPath() };
  ran = await runCommands(commands, { cwd: folder, env, deadline: 100_000 });
}, 120_000);

afterAll(() => rmSync(work, { recursive: true, force: true }));

/** What the two Envoys logged, when something failed. */
function logs(): string {
  return ['greeter', 'caller'].map((name) => `${name}: ${tail(join(work, name, 'envoy.log'))}`).join('\n');
}

function tail(file: string): string {
  try {
    return readFileSync(file, 'utf8').split('\n').slice(-20).join('\n');
  } catch {
    return 'no log';
  }
}

describe('examples/plain-envoy/README.md', () => {
  test('every command succeeds, and nothing is left running', () => {
    expect(ran.exit, `${ran.said}\n${logs()}`).toBe(0);
    expect(ran.printed).toHaveLength(commands.length);
    expect(ran.leftOver).toBe(false);
  });

  test.each(commands.map((block, index) => ({ ...block, index })).filter(({ shows }) => shows !== undefined))(
    'prints what it shows: $shows.0',
    ({ shows = [], index }) => {
      const printed = ran.printed[index] ?? '';
      expect(isAsShown(shows, printed), `shown:\n${shows.join('\n')}\nprinted:\n${printed}\n${ran.said}`).toBe(true);
    },
  );

  test('reads every variable that the test sets', () => {
    const text = commands.map((block) => block.text).join('\n');
    for (const name of ['WORK', 'PORT_BASE', 'HOST', 'ENVOY']) expect(text).toContain(`${name}="\${${name}:-`);
  });
});
