import type { Diagnostic } from '../model/diagnostic.ts';
import { refText } from '../model/provenance.ts';

/** The fields that have each mistake. */
export type Mistakes = ReadonlyMap<string, ReadonlySet<string>>;

/**
 * Errors that what is served has, too, at this moment: the registry or a secret made them, not who wrote this commit. They are said, and
 * hold nothing back (decision 47). A field more than what is served has with the same mistake is a new mistake.
 */
export function withoutStanding(findings: readonly Diagnostic[], standing: Mistakes): readonly Diagnostic[] {
  if (standing.size === 0) return findings;
  const excused = new Map(
    [...mistakesOf(findings)].map(([key, fields]) => [key, excusedOf(fields, standing.get(key))]),
  );
  return findings.map((finding) => {
    const key = finding.severity === 'error' ? mistakeOf(finding) : undefined;
    if (key === undefined || !excused.get(key)?.has(finding.field ?? '')) return finding;
    return {
      ...finding,
      severity: 'warning',
      hint: `${finding.hint}; what is served has it, too, so it holds nothing back`,
    };
  });
}

/** What tells the errors of one state of policies from those of another. */
function mistakesOf(findings: readonly Diagnostic[]): Mistakes {
  const mistakes = new Map<string, Set<string>>();
  for (const finding of findings) {
    const key = finding.severity === 'error' ? mistakeOf(finding) : undefined;
    if (key === undefined) continue;
    const fields = mistakes.get(key);
    if (fields) fields.add(finding.field ?? '');
    else mistakes.set(key, new Set([finding.field ?? '']));
  }
  return mistakes;
}

/** As many fields as had it: first those that had it, then the others in their order, since rules move when one is written above them. */
function excusedOf(fields: ReadonlySet<string>, before: ReadonlySet<string> = new Set()): ReadonlySet<string> {
  const [same, moved] = [true, false].map((wanted) => [...fields].filter((field) => before.has(field) === wanted));
  return new Set([...(same ?? []), ...(moved ?? [])].slice(0, before.size));
}

/** The same mistake of the same object, on whatever line and in whichever of its rules; whom it concerns may grow and shrink. */
function mistakeOf({ code, object, message }: Diagnostic): string | undefined {
  if (object === undefined) return undefined;
  const what = message.replace(/ (?:for|to) clients in .*$/, '').replace(/ of (?:\d+ clients?|clients in .*)$/, '');
  return `${code} ${refText(object)} ${what}`;
}

/** The errors of what is served that excuse those of a commit; `isUnjudged`: names were not held against it when it was taken. */
export function standingOf(found: readonly Diagnostic[], isUnjudged: boolean): Mistakes {
  return mistakesOf(isUnjudged ? found.filter((finding) => !isUnknownName(finding)) : found);
}

/** A name of a service that never was: nothing that a workload or a secret does makes it, but for a token that is no longer good. */
function isUnknownName({ code, message }: Diagnostic): boolean {
  return code === 'WEFT0101' && message.startsWith('no service ');
}
