import { duration, text, value } from '../flag.ts';
import { readFlags } from '../read-flags.ts';
import { defineVerb } from '../verb.ts';

/** The flags of `weft edges`. */
export const edgesFlags = {
  ...readFlags,
  time: value({ placeholder: 'TIME', short: 't', default: '1m', help: 'the time to look back, at most 1h' }, duration),
  from: text({ placeholder: 'SERVICE', help: 'only calls from it' }),
  to: text({ placeholder: 'SERVICE', help: 'only calls to it' }),
} as const;

export const edgesVerb = defineVerb({
  name: 'edges',
  summary: 'Show who calls whom: rate, success, latency, mTLS',
  example: 'weft edges -t 5m --to payments',
  arguments: [],
  flags: edgesFlags,
  formats: ['table', 'wide', 'json', 'yaml'],
  run: async (context) => (await import('../actions/edges.ts')).edges(context),
});
