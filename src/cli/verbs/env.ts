import { oneOf, value } from '../flag.ts';
import { readFlags } from '../read-flags.ts';
import { defineVerb } from '../verb.ts';

/** The flags of `weft env`. */
export const envFlags = {
  ...readFlags,
  shell: value(
    { placeholder: 'SHELL', default: 'sh', help: 'whose words to print: sh, fish or powershell' },
    oneOf(['sh', 'fish', 'powershell']),
  ),
} as const;

export const envVerb = defineVerb({
  name: 'env',
  summary: 'Print a variable for every service that a workload may call, with the address at its sidecar',
  example: 'eval "$(weft env frontend -n shop)"',
  arguments: [{ name: 'name', help: 'who calls: a proxy (frontend-1) or a service (frontend)', required: true }],
  flags: envFlags,
  formats: ['table', 'json', 'yaml', 'name'],
  run: async (context) => (await import('../actions/env.ts')).env(context),
});
