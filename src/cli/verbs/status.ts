import { commitName, onOff, value } from '../flag.ts';
import { readFlags } from '../read-flags.ts';
import { defineVerb } from '../verb.ts';

/** The flags of `weft status`. */
export const statusFlags = {
  ...readFlags,
  wait: onOff({
    help: 'ask again until the answer is yes, at most for --timeout; else exit 1; says meanwhile what it waits for',
  }),
  commit: value(
    {
      placeholder: 'COMMIT',
      help: 'ask instead whether this commit is served and every proxy has acknowledged it; an id, or in its repository HEAD',
    },
    commitName,
  ),
} as const;

export const statusVerb = defineVerb({
  name: 'status',
  summary: 'Say whether all is well: policies, proxies, health, certificates; exit 1 when it is not',
  example: 'weft status --wait --timeout 30s --commit HEAD',
  arguments: [],
  flags: statusFlags,
  formats: ['table', 'json', 'yaml'],
  run: async (context) => (await import('../actions/status.ts')).status(context),
});
