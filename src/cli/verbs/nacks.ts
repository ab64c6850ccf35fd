import { list } from '../flag.ts';
import { readFlags } from '../read-flags.ts';
import { defineVerb } from '../verb.ts';

/** The flags of `weft nacks`. */
export const nacksFlags = {
  ...readFlags,
  release: list({
    placeholder: 'RESOURCE',
    help: 'offer what was refused under this name again, once its cause is gone; may be repeated',
  }),
} as const;

export const nacksVerb = defineVerb({
  name: 'nacks',
  summary: 'List what proxies refused and do not get until it changes, or offer it again',
  example: 'weft nacks --release in_9080',
  arguments: [],
  flags: nacksFlags,
  formats: ['table', 'wide', 'json', 'yaml', 'name'],
  run: async (context) => (await import('../actions/nacks.ts')).nacks(context),
});
