import { oneOf, onOff, text, value } from '../flag.ts';
import { readFlags } from '../read-flags.ts';
import { defineVerb } from '../verb.ts';

/** The flags of `weft validate`. */
export const validateFlags = {
  ...readFlags,
  rev: text({ placeholder: 'REV', help: 'check a commit instead of the files as they lie there' }),
  'fail-on': value(
    { placeholder: 'SEVERITY', default: 'error', help: 'exit 1 from this severity on: error or warning' },
    oneOf(['error', 'warning']),
  ),
  generated: onOff({ help: 'look at all that proxies would be sent (WEFT0601) also in a mesh of over 100 services' }),
  all: onOff({ help: 'show every finding, not only the first 20' }),
  live: onOff({
    help: 'also check against the running mesh: who is connected, who called in the last hour; the rest needs no server',
  }),
} as const;

export const validateVerb = defineVerb({
  name: 'validate',
  summary: 'Check policies: every finding with its line and its fix; exit 1 when there is an error',
  example: 'weft validate policies/reviews.yaml',
  arguments: [{ name: 'path', help: 'a repository, its folder of policies, or files; "." if none', repeated: true }],
  flags: validateFlags,
  formats: ['table', 'json', 'yaml'],
  run: async (context) => (await import('../actions/validate.ts')).validate(context),
});
