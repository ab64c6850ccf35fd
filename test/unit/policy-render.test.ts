import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Diagnostic } from '../../src/model/diagnostic.ts';
import { failureCodes } from '../../src/model/failure-codes.ts';
import { codePage, diagnosticCodes } from '../../src/policy/diagnostic-codes.ts';
import { parsePolicies } from '../../src/policy/parse-policies.ts';
import { diagnosticRecord, renderDiagnostic, renderDiagnostics, renderSummary } from '../../src/policy/render.ts';

const text = `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata:
  name: reviews
spec:
  hosts: [reviews]
  http:
  - name: canary
    timeout: 1s
    route:
    - destination:
        host: reviews
      wieght: 90
`;
const path = 'policies/reviews.yaml';
const { diagnostics } = parsePolicies([{ path, text }], {
  commit: 'x',
  rootNamespace: 'istio-system',
  folders: 'namespace',
});
const [finding] = diagnostics;

function made(message: string, column = 1, more: Partial<Diagnostic> = {}): Diagnostic {
  const at = { file: path, line: 1, column, endLine: 1, endColumn: column + 4 };
  return { code: 'WEFT0002', severity: 'error', message, hint: 'mend it', at, ...more };
}

describe('the text of findings', () => {
  it('is the frame of section 1.1 of experience.md', () => {
    expect(finding && renderDiagnostic(finding, () => text)).toBe(
      [
        'policies/reviews.yaml:13:7: error WEFT0002 spec.http[0].route[0]: unknown field "wieght"',
        '  12 |         host: reviews',
        '  13 |       wieght: 90',
        '     |       ^^^^^^ did you mean "weight"?',
      ].join('\n'),
    );
  });

  it('stands without a frame where the text is not at hand', () => {
    expect(renderDiagnostic(made('bad'), () => undefined)).toBe(`${path}:1:1: error WEFT0002: bad\n  mend it`);
  });

  it('escapes what could drive a terminal, and keeps the caret in place', () => {
    const shown = renderDiagnostic(made('got "\u001b[31m\u202e"', 4), () => 'a: \u001b[2Jx\tb\r\n');
    for (const char of ['\u001b', '\u202e', '\r', '\t']) expect(shown).not.toContain(char);
    expect(shown.split('\n')).toEqual([
      `${path}:1:4: error WEFT0002: got "\\u001b[31m\\u202e"`,
      '  1 | a: \\u001b[2Jx b',
      `    |    ${'^'.repeat(9)} mend it`,
    ]);
  });

  it('cuts long lines around the place', () => {
    const lines = renderDiagnostic(made('bad', 5000), () => `${'x'.repeat(4999)}HERE${'y'.repeat(5000)}`).split('\n');
    expect(lines.every((line) => line.length < 200)).toBe(true);
    const caret = lines[2]?.indexOf('^') ?? -1;
    expect(lines[1]?.slice(caret, caret + 4)).toBe('HERE');
  });

  it('names the number left after 20', () => {
    const many = Array.from({ length: 25 }, (_, index) => made(`bad ${index}`));
    const shown = renderDiagnostics(many, () => undefined);
    expect(shown.match(/: bad/g)).toHaveLength(20);
    expect(shown.split('\n').at(-1)).toBe('5 more, --all shows them');
    expect(renderDiagnostics(many, () => undefined, 0).match(/: bad/g)).toHaveLength(25);
  });

  it('has a summary', () => {
    const all = [made('a'), made('b'), made('c', 1, { severity: 'warning' })];
    expect(renderSummary(all, 6, 41.2)).toBe('2 errors, 1 warning in 6 files (41 ms)');
    expect(renderSummary([made('a', 1, { severity: 'info' })], 1, 3)).toBe(
      '0 errors, 0 warnings, 1 info in 1 file (3 ms)',
    );
  });

  it('has the record of section 8', () => {
    expect(finding && diagnosticRecord(finding)).toEqual({
      code: 'WEFT0002',
      severity: 'error',
      message: 'unknown field "wieght"',
      hint: 'did you mean "weight"?',
      file: path,
      line: 13,
      column: 7,
      endLine: 13,
      endColumn: 13,
      object: 'VirtualService/default/reviews',
      field: 'spec.http[0].route[0]',
      docs: 'docs/codes/WEFT0002.md',
      related: [],
    });
  });

  it('names documents that are there, for every code, those of failures that stand among findings as well', () => {
    const root = join(import.meta.dirname, '../..');
    const codes = [...Object.keys(diagnosticCodes), ...Object.keys(failureCodes)];
    expect(codes).toContain('WEFT0601');
    for (const code of codes) {
      const { docs } = diagnosticRecord({ ...made('a'), code });
      const [file = '', section] = docs.split('#');
      expect(readFileSync(join(root, file), 'utf8'), docs).toContain(section ? `<a id="${section}"></a>` : `# ${code}`);
    }
  });

  it('has a page for every code', () => {
    for (const [code, page] of Object.entries(diagnosticCodes)) {
      expect(code).toMatch(/^WEFT\d{4}$/);
      expect(codePage(code)).toBe(page);
      expect(page.title.length).toBeGreaterThan(5);
    }
    expect(codePage('WEFT9999')).toBeUndefined();
    expect(codePage('toString')).toBeUndefined();
  });
});
