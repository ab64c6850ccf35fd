import { failureCodes } from '../../src/model/failure-codes.ts';
import type { CodePage } from '../../src/policy/code-page.ts';
import { diagnosticCodes } from '../../src/policy/diagnostic-codes.ts';

/** docs/reference/codes.md, from the two tables of codes: the index of docs/codes/, and the failures that have no page of their own. */
export function codesPage(): string {
  const rows = Object.entries<CodePage>(diagnosticCodes).sort(([a], [b]) => (a < b ? -1 : 1));
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
    'Each page has the cause, an example with the finding and what `weft validate` prints about it, one without, and what to do; the',
    'tests run every example. There `# <- here` marks the line of the finding, `# <- other` a place that it names besides, and',
    '`# <- also CODE` a finding that comes with it. An example that begins with `# weft validate --live` needs to know which workloads',
    'there are, and so a control plane.',
    '',
    'The findings of stage `text` stand in one file or object; those of stage `references` stand between objects and are looked for',
    'once all texts are free of errors.',
    '',
    '| code | title | severity | stage |',
    '|---|---|---|---|',
    ...rows
      .filter(([, { stage }]) => stage !== 'operation')
      .map(([code, { title, severity, stage }]) => `| ${link(code)} | ${title} | ${severity} | ${stage} |`),
    '',
    '## Operations',
    '',
    'What a command or the server could not do. The command exits with 2.',
    '',
    'Reading the policies:',
    '',
    ...rows.filter(([, { stage }]) => stage === 'operation').map(([code, { title }]) => `- ${link(code)} ${title}`),
    '',
    ...Object.entries(failureCodes).flatMap(([code, { title, cause, fix }]) => [
      `<a id="${code.toLowerCase()}"></a>`,
      '',
      `### ${code} ${title}`,
      '',
      cause,
      '',
      `Fix: ${fix}`,
      '',
    ]),
  ]
    .join('\n')
    .trimEnd()
    .concat('\n');
}

function link(code: string): string {
  return `[${code}](../codes/${code}.md)`;
}
