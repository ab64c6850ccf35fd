import type { Diagnostic } from '../model/diagnostic.ts';
import { reportInto } from './report.ts';
import { indexLines, rangeAt } from './source-node.ts';

/** `{{ .Values.host }}`, `{{- if … }}`, `{{ include "x" . | indent 4 }}`: what Helm, and most that is like it, replaces. */
const action = /\{\{[-~]?\s*[\w.$/"(][^{}:\n]*\}\}/g;

/**
 * The one finding about a text that cannot be read because it is a template of YAML, in the place of all that a reader of YAML says of
 * that: some of it stands where a template has an action. A quoted one does not hinder reading.
 */
export function templateFinding(file: string, text: string, problems: readonly Diagnostic[]): Diagnostic | undefined {
  const lines = indexLines(file, text);
  const actions = [...text.matchAll(action)].map(({ 0: written, index }) =>
    rangeAt(lines, index, index + written.length),
  );
  const [first] = actions;
  const wrong = new Set(problems.flatMap(({ code, at }) => (code === 'WEFT0001' ? [at.line] : [])));
  if (first === undefined || !actions.some(({ line }) => wrong.has(line))) return undefined;
  const found: Diagnostic[] = [];
  const message = 'YAML syntax: this is a template, which is no YAML before it is rendered';
  const hint = `keep templates elsewhere, and put here what they make: helm template NAME CHART > ${file}`;
  reportInto(found)('WEFT0001', first, message, hint);
  return found[0];
}
