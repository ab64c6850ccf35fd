import { text } from '../flag.ts';
import { defineVerb } from '../verb.ts';
import { workloadFlags } from '../workload-flags.ts';

/** The flags of `weft bootstrap`. */
export const bootstrapFlags = {
  ...workloadFlags,
  out: text({ placeholder: 'FILE', help: 'write there (mode 0600) instead of stdout' }),
} as const;

export const bootstrapVerb = defineVerb({
  name: 'bootstrap',
  summary: 'Print the bootstrap with which plain "envoy -c FILE" is a full member; it contains the credential',
  example: 'weft bootstrap --service payments -n shop --port 9080 --token-file payments.token --out envoy.json',
  arguments: [],
  flags: bootstrapFlags,
  formats: ['json'],
  run: async (context) => (await import('../actions/bootstrap.ts')).bootstrap(context),
});
