import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { envoyPath } from '../support/envoy-path.ts';
import { commandsOf, freePortBase, isAsShown, loopbackAddress, type Ran, runCommands } from './readme-commands.ts';

/**
 * Tests that the README of an example runs as it stands, with a real Envoy, and prints what it shows. Ports, address and folder are
 * varied through the variables that the README itself reads, so that suites run side by side; `envoy` is the one that names Envoy,
 * `place` the one with an address for its one machine (HOST), or the first three numbers of addresses for several (NET).
 */
export function describeExample(name: string, envoy: 'ENVOY' | 'ENVOY_PATH', place: 'HOST' | 'NET' = 'HOST'): void {
  const folder = join(import.meta.dirname, '../../examples', name);
  const commands = commandsOf(join(folder, 'README.md'));
  const shown = commands.map((block, index) => ({ ...block, index })).filter(({ shows }) => shows !== undefined);
  const work = mkdtempSync(join(tmpdir(), `weft-${name}-`));
  let ran: Ran;

  beforeAll(async () => {
    const base = await freePortBase([1, 12, 14, ...Array.from({ length: 8 }, (_, index) => 6_000 + index)]);
    const address = loopbackAddress();
    const env = {
      WORK: work,
      PORT_BASE: String(base),
      [place]: place === 'HOST' ? address : address.replace(/\.\d+$/, ''),
      [envoy]: await envoyPath(),
    };
    // The longest takes 45 s alone, and more than two minutes beside programs that take both processors.
    ran = await runCommands(commands, { cwd: folder, env, deadline: 300_000 });
  }, 320_000);

  afterAll(() => rmSync(work, { recursive: true, force: true }));

  describe(`examples/${name}/README.md`, () => {
    test('every command succeeds, and nothing is left running', () => {
      expect(ran.exit, `${ran.said}\n${logsBelow(work)}`).toBe(0);
      expect(ran.printed).toHaveLength(commands.length);
      expect(ran.leftOver).toBe(false);
    });

    test.each(shown)('prints what it shows: $shows.0', ({ shows = [], index }) => {
      const printed = ran.printed[index] ?? '';
      const where = `shown:\n${shows.join('\n')}\nprinted:\n${printed}\n${ran.said}\n${logsBelow(work)}`;
      expect(isAsShown(shows, printed), where).toBe(true);
    });

    test('reads every variable that the test sets', () => {
      const text = commands.map((block) => block.text).join('\n');
      for (const variable of ['WORK', 'PORT_BASE', place, envoy])
        expect(text).toContain(`${variable}="\${${variable}:-`);
    });
  });
}

/** The ends of all logs, for the message of a failing test. */
function logsBelow(folder: string): string {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.log'));
  return names
    .map((name) => `${name}:\n${readFileSync(join(folder, name), 'utf8').split('\n').slice(-20).join('\n')}`)
    .join('\n');
}
