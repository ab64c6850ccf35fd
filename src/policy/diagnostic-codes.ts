import type { Severity } from '../model/diagnostic.ts';
import type { CodePage } from './code-page.ts';
import { referenceCodes } from './reference-codes.ts';
import { textCodes } from './text-codes.ts';

/** Every code that `policy` emits, each with a page in docs/codes/. */
export const diagnosticCodes = { ...textCodes, ...referenceCodes } as const;

export type DiagnosticCode = keyof typeof diagnosticCodes;

export function severityOf(code: DiagnosticCode): Severity {
  return diagnosticCodes[code].severity;
}

/** The page of a code, or undefined for a code that policy does not emit. */
export function codePage(code: string): CodePage | undefined {
  const pages: Readonly<Record<string, CodePage>> = diagnosticCodes;
  return Object.hasOwn(pages, code) ? pages[code] : undefined;
}
