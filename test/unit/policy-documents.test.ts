import { describe, expect, test } from 'vitest';
import { parsePolicies, parseSteps } from '../../src/policy/parse-policies.ts';
import { splitDocuments } from '../../src/policy/split-documents.ts';

const options = { commit: 'x', rootNamespace: 'istio-system', folders: 'namespace' } as const;
const path = 'policies/shop/a.yaml';
const service = (name: string, more = '') =>
  `apiVersion: v1\nkind: Service\nmetadata: { name: ${name} }\nspec: { ${more}selector: { app: ${name} }, ports: [{ port: 80, name: http }] }\n`;
const file = (...documents: readonly string[]) => ({ path, text: documents.join('---\n') });

describe('a file is read document by document', () => {
  test.each([
    ['a marker', 'a: 1\n---\nb: 2\n', ['a: 1\n', '---\nb: 2\n']],
    ['comments before the first', '# x\n\n---\na: 1\n', ['# x\n\n---\na: 1\n']],
    ['a marker with text behind', 'a: 1\n--- # next\nb: 2', ['a: 1\n', '--- # next\nb: 2']],
    ['dashes that are no marker', 'a: |\n ---\nb: ----\n----\n', ['a: |\n ---\nb: ----\n----\n']],
    ['line ends of Windows', 'a: 1\r\n---\r\nb: 2\r\n', ['a: 1\r\n', '---\r\nb: 2\r\n']],
    [
      'directives and explicit ends',
      '%YAML 1.2\n---\na: 1\n...\n---\nb: 2\n',
      ['%YAML 1.2\n---\na: 1\n...\n---\nb: 2\n'],
    ],
  ])('%s', (_, text, wanted) => {
    const parts = splitDocuments(text);
    expect(parts.map((part) => part.text)).toEqual(wanted);
    for (const part of parts)
      expect(text.split('\n').slice(part.firstLine).join('\n').startsWith(part.text)).toBe(true);
  });

  test('one that did not change is not read again, and has its own lines where it has moved', () => {
    const before = parsePolicies([file(service('a'), service('b'), service('c'))], options);
    const changed = [file(`# one line more\n${service('a', 'clusterIP: None, ')}`, service('b'), service('c'))];
    const after = parsePolicies(changed, { ...options, commit: 'y', previous: before.cache });
    expect(after.objects.map(({ name, commit, at }) => `${name}@${commit}:${at.line}`)).toEqual([
      'a@y:2',
      'b@x:7',
      'c@x:12',
    ]);
    const fresh = parsePolicies(changed, { ...options, commit: 'y' });
    expect(after.objects.map(({ commit: _, ...one }) => one)).toEqual(
      fresh.objects.map(({ commit: _, ...one }) => one),
    );
    const same = [file(service('a', 'clusterIP: None, '), service('b'), service('c'))];
    const third = parsePolicies(same, { ...options, previous: before.cache });
    expect(third.objects.filter((one, index) => one === before.objects[index])).toHaveLength(2);
  });

  test('findings that name lines move with their document', () => {
    const bad = service('b').replace('selector', 'selektor');
    const before = parsePolicies([file(service('a'), bad)], options);
    const moved = [file(`# more\n${service('a')}`, bad)];
    const after = parsePolicies(moved, { ...options, previous: before.cache });
    expect(after.diagnostics).toEqual(parsePolicies(moved, options).diagnostics);
    expect(after.diagnostics.map(({ at }) => at.line)).toEqual(before.diagnostics.map(({ at }) => at.line + 1));
  });

  test('what cannot be read refuses the whole file, whatever is remembered of it', () => {
    const before = parsePolicies([file(service('a'), service('b'))], options);
    const after = parsePolicies([file(service('a'), 'a: [\n')], { ...options, previous: before.cache });
    expect(after.objects).toEqual([]);
    expect(after.diagnostics.map(({ code, at }) => `${code}:${at.line}`)).toEqual(['WEFT0001:6']);
  });

  test('a template is told once, whatever else a reader of YAML says of it', () => {
    const chart = file(service('a'), `{{- if .Values.b }}\n${service('b')}{{- end }}\n`, service('{{ .Values.c }}'));
    expect(parsePolicies([chart], options).diagnostics).toMatchObject([
      { code: 'WEFT0001', message: expect.stringContaining('this is a template') },
    ]);
  });

  test('limits hold for all documents of a file together, remembered ones included (T12)', () => {
    const nodes = (from: number) => `a: [${Array.from({ length: 4_000 }, (_, index) => from + index).join(',')}]\n`;
    const before = parsePolicies([file(nodes(0), nodes(1))], options);
    expect(before.diagnostics.map(({ code }) => code)).not.toContain('WEFT0007');
    const after = parsePolicies([file(nodes(0), nodes(1), nodes(2))], { ...options, previous: before.cache });
    expect(after.diagnostics.map(({ code }) => code)).toEqual(['WEFT0007']);
    const aliases = (name: string) => `x: &${name} 1\ny: [*${name}, *${name}, *${name}, *${name}]\n`;
    expect(
      parsePolicies([file(aliases('a'), aliases('b'), aliases('c'))], options).diagnostics.map(({ code }) => code),
    ).toEqual(['WEFT0007']);
  });

  test('an anchor ends with its document', () => {
    const text = `${service('a').replace('selector:', 'selector: &s')}---\n${service('b').replace('{ app: b }', '*s')}`;
    expect(parsePolicies([{ path, text }], options).diagnostics[0]).toMatchObject({
      code: 'WEFT0001',
      at: { line: 9 },
    });
  });
});

test('nothing is read for long without others having their turn', () => {
  const many = Array.from({ length: 200 }, (_, index) => ({
    path: `policies/shop/f${index}.yaml`,
    text: [service(`a${index}`), service(`b${index}`)].join('---\n'),
  }));
  const large = { path: 'policies/shop/large.yaml', text: `a: [${'1,'.repeat(100_000)}]` };
  const steps = parseSteps([...many, large], options);
  let count = 0;
  while (steps.next().done !== true) count += 1;
  expect(count).toBeGreaterThanOrEqual(400 + 50);
});
