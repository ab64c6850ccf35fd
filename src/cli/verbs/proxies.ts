import { onOff } from '../flag.ts';
import { readFlags } from '../read-flags.ts';
import { defineVerb } from '../verb.ts';

/** The flags of `weft proxies`. */
export const proxiesFlags = {
  ...readFlags,
  stale: onOff({ help: 'only those that have not answered' }),
  rejected: onOff({ help: 'only those that refused their configuration' }),
} as const;

export const proxiesVerb = defineVerb({
  name: 'proxies',
  summary: 'List the connected proxies, or one of them: what each acknowledged and refused, and why',
  example: 'weft proxies --rejected',
  arguments: [{ name: 'name', help: 'one proxy, with all that is known of it: reviews-2.shop' }],
  flags: proxiesFlags,
  formats: ['table', 'wide', 'json', 'yaml', 'name'],
  run: async (context) => (await import('../actions/proxies.ts')).proxies(context),
});
