import type { Flags } from '../../src/cli/flag.ts';
import { globalFlags } from '../../src/cli/globals.ts';
import type { Verb } from '../../src/cli/verb.ts';
import { verbs } from '../../src/cli/verbs.ts';

/** docs/reference/cli.md, from the definitions of the verbs. */
export function cliPage(): string {
  return [
    '# The command line',
    '',
    'Generated from the verbs in `src/cli/verbs/` by `npm run reference`; do not edit. `weft VERB --help` says the same.',
    '',
    'Exit codes: 0 yes, or nothing found; 1 the answer is no; 2 no answer (wrong usage, no connection, no Envoy); 130 interrupted.',
    '',
    '## Flags of every verb',
    '',
    ...flagList(globalFlags),
    '',
    ...verbs.flatMap(section),
  ]
    .join('\n')
    .trimEnd()
    .concat('\n');
}

function section(verb: Verb): readonly string[] {
  const words = verb.arguments.map(({ name, required, repeated }) => {
    const word = `${name}${repeated === true ? '..' : ''}`;
    return required === true ? ` ${word}` : ` [${word}]`;
  });
  const names = verb.arguments.map(({ name, help }) => `- \`${name}\`: ${help}`);
  const list = [...names, ...flagList(verb.flags)];
  return [
    `## weft ${verb.name}${words.join('')}`,
    '',
    `${verb.summary}.`,
    '',
    ...list,
    ...(list.length === 0 ? [] : ['']),
    ...(verb.notes === undefined ? [] : [verb.notes, '']),
    `Prints (\`-o\`): ${verb.formats.join(', ')}.`,
    '',
    '```sh',
    verb.example,
    '```',
    '',
  ];
}

function flagList(flags: Flags): readonly string[] {
  return Object.entries(flags).map(([name, { short, placeholder, help, required, default: usual }]) => {
    const written = `${short === undefined ? '' : `-${short}, `}--${name}${placeholder === undefined ? '' : ` ${placeholder}`}`;
    const more = [...(required ? ['needed'] : []), ...(usual === undefined ? [] : [`default ${usual}`])];
    return `- \`${written}\`: ${help}${more.length === 0 ? '' : ` (${more.join(', ')})`}`;
  });
}
