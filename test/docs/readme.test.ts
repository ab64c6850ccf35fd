import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { endpoints } from '../../src/admin/role-table.ts';
import { globalFlags } from '../../src/cli/globals.ts';
import { verbs } from '../../src/cli/verbs.ts';
import { failureCodes } from '../../src/model/failure-codes.ts';
import { diagnosticCodes } from '../../src/policy/diagnostic-codes.ts';

const root = join(import.meta.dirname, '../..');
const tracked = execFileSync('git', ['ls-files', '-co', '--exclude-standard'], { cwd: root, encoding: 'utf8' })
  .trim()
  .split('\n')
  .filter((file) => existsSync(join(root, file)));
const pages = tracked.filter((file) => file.endsWith('.md'));
const textOf = (file: string) => readFileSync(join(root, file), 'utf8');

/** A page without its blocks. */
const proseOf = (text: string) => text.replace(/^```[\s\S]*?^```$/gm, '');

/** What a link into a page may name after `#`. */
function anchorsOf(file: string): ReadonlySet<string> {
  const prose = proseOf(textOf(file));
  const headings = [...prose.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replace(/\s/g, '-'),
  );
  return new Set([...headings, ...[...prose.matchAll(/id="([^"]+)"/g)].map(([, id = '']) => id)]);
}

/** Everything in a page that is meant to be typed: fenced sh blocks, and code within lines. */
function typed(text: string): readonly string[] {
  const blocks = [...text.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].flatMap(([, block = '']) =>
    block.replace(/\\\n\s*/g, ' ').split('\n'),
  );
  const inline = [...proseOf(text).matchAll(/`([^`\n]+)`/g)].map(([, code = '']) => code);
  return [...blocks, ...inline];
}

/** The calls of weft in a line: `weft token create --service a | weft …` → the words of each. */
function callsOf(line: string): readonly (readonly string[])[] {
  // Words of a command inside the line are not words of weft.
  const plain = line.replace(/"\$\((?!weft)[^)]*\)+"/g, 'VALUE');
  return [...plain.matchAll(/(?:^|[\s(&|;"])weft ([a-z][^|;&>)]*)/g)].map(([, words = '']) =>
    words.trim().split(/\s+/),
  );
}

describe('README.md', () => {
  const readme = textOf('README.md');

  test('the two commands come first', () => {
    const blocks = [...readme.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, block]) => block);
    expect(blocks.slice(0, 2)).toEqual(['npm ci && npm run demo\n', 'npm ci && npm test\n']);
  });

  test('continuous integration runs the second one', () => {
    expect(textOf('.ci/run')).toContain('npm ci && npm test');
  });

  test('shows every verb', () => {
    const shown = (name: string) => typed(readme).some((line) => line.includes(`weft ${name}`));
    expect(verbs.map(({ name }) => name).filter((name) => name !== 'demo' && !shown(name))).toEqual([]);
  });

  test('names every address of the debug API as it is', () => {
    const served = new Set(endpoints.map(({ path }) => path));
    const named = [...readme.matchAll(/`(\/(?:debug|metrics|healthz|readyz)[^`?]*)/g)].map(([, path = '']) => path);
    expect(named.length).toBeGreaterThan(10);
    expect(named.filter((path) => !served.has(path))).toEqual([]);
    const unnamed = [...served].filter((path) => path.startsWith('/debug/') && !named.includes(path));
    expect(unnamed).toEqual(['/debug/list']);
  });
});

describe.each(pages)('%s', (page) => {
  const text = textOf(page);

  test('links lead to files that exist', () => {
    const links = [...proseOf(text).matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)].map(([, target = '']) => target);
    const local = links.filter((target) => !/^[a-z]+:/.test(target));
    expect(local.filter((target) => !existsSync(join(root, dirname(page), target)))).toEqual([]);
  });

  test('links lead to headings that exist', () => {
    const broken = [...proseOf(text).matchAll(/\]\(([^)#\s]*)#([^)\s]+)\)/g)].filter(([, target = '', anchor = '']) => {
      const file = target === '' ? page : join(dirname(page), target);
      return file.endsWith('.md') && existsSync(join(root, file)) && !anchorsOf(file).has(anchor);
    });
    expect(broken.map(([link]) => link)).toEqual([]);
  });

  test('files of this repository that it names exist', () => {
    const paths = /(?<![\w/.-])(?:src|test|bench|scripts|docs|examples)\/[\w./-]+\.(?:ts|mjs|md|yaml|json)\b/g;
    const named = [...proseOf(text).matchAll(/`([^`\n]+)`/g)].flatMap(([, code = '']) => code.match(paths) ?? []);
    expect(named.filter((path) => !existsSync(join(root, path)))).toEqual([]);
  });

  test('every benchmark that it runs exists', () => {
    const named = typed(text).flatMap((line) =>
      [...line.matchAll(/npm run bench -- ([a-z-]+)/g)].map(([, name = '']) => name),
    );
    expect(named.filter((name) => !existsSync(join(root, `bench/${name}.ts`)))).toEqual([]);
  });

  test('every npm script exists', () => {
    const { scripts } = JSON.parse(textOf('package.json')) as { readonly scripts: Readonly<Record<string, string>> };
    const named = typed(text).flatMap((line) =>
      [...line.matchAll(/npm run (?:--silent )?([a-z]+)/g)].map(([, name = '']) => name),
    );
    expect(named.filter((name) => scripts[name] === undefined)).toEqual([]);
  });

  test('every verb and flag of weft exists', () => {
    const unknown = typed(text).flatMap((line) => callsOf(line).flatMap((words) => unknownIn(words)));
    expect(unknown).toEqual([]);
  });

  test('every code has a page', () => {
    const codes = [...new Set(text.match(/WEFT\d{4}/g) ?? [])];
    expect(codes.filter((code) => !(code in failureCodes) && !(code in diagnosticCodes))).toEqual([]);
  });
});

/** What a call names that its verb does not have. `VERB` in capitals stands for any. */
function unknownIn(words: readonly string[]): readonly string[] {
  const verb = verbs.find(({ name }) => words.join(' ').startsWith(`${name} `) || words.join(' ') === name);
  const group = verbs.some(({ name }) => name.startsWith(`${words[0]} `));
  if (verb === undefined) return group && words.length === 1 ? [] : [`weft ${words.join(' ')}`];
  const flags = Object.entries({ ...globalFlags, ...verb.flags });
  const known = new Set(
    flags.flatMap(([name, { short }]) => [`--${name}`, ...(short === undefined ? [] : [`-${short}`])]),
  );
  return words
    .filter((word) => /^--?[a-z]/.test(word) && word !== '--help')
    .map((word) => word.replace(/[=`,].*$/, ''))
    .filter((word) => !known.has(word))
    .map((word) => `weft ${verb.name} ${word}`);
}

test('no host name of a package registry stands anywhere', () => {
  // Put together here, so that this file does not name them either.
  const hosts = [
    'registry.npm' + 'js',
    'npm' + 'js.com',
    'npm' + 'js.org',
    'py' + 'pi.org',
    'python' + 'hosted',
    'yarn' + 'pkg',
  ];
  const naming = tracked.filter((file) => {
    const text = textOf(file);
    return hosts.some((host) => text.includes(host));
  });
  expect(naming).toEqual([]);
});
