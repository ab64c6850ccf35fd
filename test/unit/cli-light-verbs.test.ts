import { readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { expect, test } from 'vitest';

const actions = join(import.meta.dirname, '../../src/cli/actions');
const registry = join(import.meta.dirname, '../../src/proto/registry.ts');

/** The files of ours from `start` to `goal`, each of which imports the next one as it is loaded; undefined if none leads there. */
function chain(start: string, goal: string): readonly string[] | undefined {
  const from = new Map<string, string | undefined>([[start, undefined]]);
  for (const file of from.keys()) {
    if (file === goal) {
      const files: string[] = [];
      for (let at: string | undefined = file; at !== undefined; at = from.get(at)) files.unshift(at);
      return files;
    }
    const text = readFileSync(file, 'utf8');
    for (const [, type, name = ''] of text.matchAll(/^(?:import|export)( type)?\s[^;]*?from '([^']+)';/gms)) {
      const next = resolve(dirname(file), name);
      if (type === undefined && name.startsWith('.') && !from.has(next)) from.set(next, file);
    }
  }
  return undefined;
}

// The messages of Envoy take half a second of processor time to load: scripts call these verbs again and again.
test.each(['status', 'proxies', 'get', 'env', 'edges', 'nacks', 'token', 'validate', 'schema', 'proxy-config'])(
  'weft %s loads no messages of Envoy',
  (verb) => {
    expect(chain(join(actions, `${verb}.ts`), registry)).toBeUndefined();
  },
);

test('weft run does, as it writes a bootstrap', () => {
  expect(chain(join(actions, 'run.ts'), registry)).toBeDefined();
});
