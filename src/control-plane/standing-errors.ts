import type { Diagnostic } from '../model/diagnostic.ts';
import { refText } from '../model/provenance.ts';

/**
 * Errors that what is served has, too, at this moment: the registry or a secret made them, not who wrote this commit. They are said, and
 * hold nothing back (decision 47).
 */
export function withoutStanding(findings: readonly Diagnostic[], standing: ReadonlySet<string>): readonly Diagnostic[] {
  if (standing.size === 0) return findings;
  return findings.map((finding) => {
    const key = finding.severity === 'error' ? mistakeOf(finding) : undefined;
    if (key === undefined || !standing.has(key)) return finding;
    return {
      ...finding,
      severity: 'warning',
      hint: `${finding.hint}; what is served has it, too, so it holds nothing back`,
    };
  });
}

/** What tells the errors of one state of policies from those of another. */
export function mistakesOf(findings: readonly Diagnostic[]): ReadonlySet<string> {
  return new Set(findings.flatMap((finding) => (finding.severity === 'error' ? (mistakeOf(finding) ?? []) : [])));
}

/** The same mistake of the same object, on whatever line and in whichever of its rules; whom it concerns may grow and shrink. */
function mistakeOf({ code, object, message }: Diagnostic): string | undefined {
  if (object === undefined) return undefined;
  const what = message.replace(/ (?:for|to) clients in .*$/, '').replace(/ of (?:\d+ clients?|clients in .*)$/, '');
  return `${code} ${refText(object)} ${what}`;
}
