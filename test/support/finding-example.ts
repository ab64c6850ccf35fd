import { expect } from 'vitest';
import type { Diagnostic, Severity } from '../../src/model/diagnostic.ts';
import { diagnosticCodes } from '../../src/policy/diagnostic-codes.ts';
import { parsePolicies } from '../../src/policy/parse-policies.ts';

/** A bad example beside the one of the code's page (docs/codes): the expected finding stands at the text between ‹ and ›. */
export interface Example {
  readonly name: string;
  readonly code: string;
  readonly severity?: Severity;
  readonly yaml: string;
  readonly message: string;
  readonly hint: string;
  readonly field?: string;
  readonly path?: string;
}

function place(marked: string): { text: string; line: number; column: number; endColumn: number } {
  const start = marked.indexOf('‹');
  const end = marked.indexOf('›') - 1;
  const text = marked.replace('‹', '').replace('›', '');
  const before = text.slice(0, start).split('\n');
  const column = (before.at(-1)?.length ?? 0) + 1;
  return { text, line: before.length, column, endColumn: column + end - start };
}

export function parse(text: string, path = 'policies/shop/a.yaml'): readonly Diagnostic[] {
  return parsePolicies([{ path, text }], { commit: '4f1c2ab', rootNamespace: 'istio-system', folders: 'namespace' })
    .diagnostics;
}

export const head = (kind: string, group = 'networking.istio.io/v1') =>
  `apiVersion: ${group}\nkind: ${kind}\nmetadata: { name: x }\n`;
export const vs = (http: string) => `${head('VirtualService')}spec:\n  hosts: [reviews]\n  http:\n${http}`;
export const to = 'route: [{ destination: { host: reviews } }]';
export const authz = (spec: string) => `${head('AuthorizationPolicy', 'security.istio.io/v1')}spec:\n${spec}`;
export const dr = (spec: string) => `${head('DestinationRule')}spec:\n  host: reviews\n${spec}`;

/** The finding stands exactly there, with these words. */
export function expectFinding({ code, severity, yaml, message, hint, field, path }: Example): void {
  const { text, line, column, endColumn } = place(yaml);
  const found = parse(text, path);
  const finding = found.find((one) => one.code === code && one.at.line === line && one.at.column === column);
  const shown = found.map((one) => `${one.at.line}:${one.at.column} ${one.code} ${one.field} ${one.message}`);
  expect(finding, `wanted ${line}:${column}, got\n${shown.join('\n')}`).toBeDefined();
  expect(finding?.at.file).toBe(path ?? 'policies/shop/a.yaml');
  expect(finding?.at.endColumn).toBe(endColumn);
  expect(finding?.severity).toBe(severity ?? diagnosticCodes[code as keyof typeof diagnosticCodes].severity);
  expect(finding?.message).toContain(message);
  expect(finding?.hint).toContain(hint);
  if (field) expect(finding?.field).toBe(field);
  expect(finding?.message).not.toMatch(/\.$/);
}
