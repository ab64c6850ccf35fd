import { describe, expect, test } from 'vitest';
import { createTreeCheck } from '../../src/control-plane/check-tree.ts';
import type { Diagnostic } from '../../src/model/diagnostic.ts';
import { settings } from '../support/registry-values.ts';

/** What is found with code `code` in the files of these namespaces (MeshConfig under its own name), workloads known. */
function found(code: string, files: Readonly<Record<string, string>>): readonly Diagnostic[] {
  const check = createTreeCheck({ settings, folders: 'namespace', root: 'policies', joined: () => new Map() });
  const { diagnostics } = check({
    commit: 'x',
    files: Object.entries(files).map(([name, text]) => ({
      path: name === 'meshconfig' ? 'policies/meshconfig.yaml' : `policies/${name}/a.yaml`,
      text,
    })),
    diagnostics: [],
    author: '',
    subject: '',
    time: 0,
  });
  return diagnostics.filter((one) => one.code === code);
}

/** The lines with `# here` and with `# other`, as the finding must have them. */
function marked(files: Readonly<Record<string, string>>, mark: string): readonly string[] {
  return Object.entries(files).flatMap(([name, text]) =>
    text.split('\n').flatMap((line, index) => (line.includes(`# ${mark}`) ? [`${name}:${index + 1}`] : [])),
  );
}

const nameOf = (file: string) => (file.includes('meshconfig') ? 'meshconfig' : (file.split('/')[1] ?? ''));

/** That the one finding of this code stands at `# here`, and names `# other` as related and, if it says a line at all, in its hint. */
function expectPlaces(code: string, files: Readonly<Record<string, string>>): void {
  const findings = found(code, files);
  expect(findings.map(({ at }) => `${nameOf(at.file)}:${at.line}`)).toEqual(marked(files, 'here'));
  const related = findings.flatMap((one) => one.related ?? []);
  expect(related.map(({ file, line }) => `${nameOf(file)}:${line}`)).toEqual(marked(files, 'other'));
  for (const [said] of findings.flatMap(({ hint }) => [...hint.matchAll(/policies\/\S+?:\d+/g)])) {
    expect(related.map(({ file, line }) => `${file}:${line}`)).toContain(said);
  }
}

const rule = (name: string, spec: string) =>
  `apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: { name: ${name} }\nspec:\n  host: reviews\n${spec}---\n`;

describe('what contradicts another line names that line', () => {
  test('WEFT0181: the subset of the same name, wherever it stands in its list', () => {
    const subsets = (...names: string[]) =>
      `  subsets:\n${names.map((name) => `  - name: ${name}\n    labels: { version: v }\n`).join('')}`;
    const first = rule('a', subsets('v1', 'v2 # other'));
    expectPlaces('WEFT0181', { shop: first + rule('b', subsets('v2 # here')) });
    expectPlaces('WEFT0181', { shop: first + rule('b', subsets('v3', 'v4', 'v2 # here')) });
  });
});
