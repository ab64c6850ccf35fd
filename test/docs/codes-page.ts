import { failureCodes } from '../../src/model/failure-codes.ts';
import { diagnosticCodes } from '../../src/policy/diagnostic-codes.ts';

interface Page {
  readonly title: string;
  readonly cause: string;
  readonly fix: string;
  readonly severity?: string;
  readonly stage?: string;
}

/** docs/reference/codes.md, from the two tables of codes. */
export function codesPage(): string {
  const findings = Object.entries<Page>(diagnosticCodes).filter(([, { stage }]) => stage !== 'operation');
  const failures = Object.entries<Page>({
    ...failureCodes,
    ...Object.fromEntries(Object.entries<Page>(diagnosticCodes).filter(([, { stage }]) => stage === 'operation')),
  }).sort(([a], [b]) => (a < b ? -1 : 1));
  return [
    '# Codes',
    '',
    'Generated from `src/policy/diagnostic-codes.ts` and `src/model/failure-codes.ts` by `npm run reference`; do not edit.',
    'A code has one meaning and is never used again for another.',
    '',
    '## Findings in policies',
    '',
    'An error anywhere holds the whole commit back, and the last good one stays served. A warning is served and shown; it can be',
    'silenced with a reason: `# weft-ignore WEFT0127: joins on Monday`.',
    '',
    ...findings.flatMap(section),
    '## Operations',
    '',
    'What a command or the server could not do. The command exits with 2.',
    '',
    ...failures.flatMap(section),
  ]
    .join('\n')
    .trimEnd()
    .concat('\n');
}

function section([code, page]: readonly [string, Page]): readonly string[] {
  const severity = page.severity !== undefined && page.stage !== 'operation' ? ` (${page.severity})` : '';
  return [
    `<a id="${code.toLowerCase()}"></a>`,
    '',
    `### ${code} ${page.title}${severity}`,
    '',
    page.cause,
    '',
    `Fix: ${page.fix}`,
    '',
  ];
}
