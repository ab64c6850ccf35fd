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
  notes:
    'WITHHELD, with a name, counts the resources of a type that the proxy does not hold in their newest form since it, or an equal Envoy, refused that. They are offered again when their content changes; what was refused for a cause of the proxy itself, such as a port that is taken, also when it comes again.',
  example: 'weft proxies --rejected',
  arguments: [{ name: 'name', help: 'one proxy, with all that is known of it: reviews-2.shop' }],
  flags: proxiesFlags,
  formats: ['table', 'wide', 'json', 'yaml', 'name'],
  run: async (context) => (await import('../actions/proxies.ts')).proxies(context),
});
