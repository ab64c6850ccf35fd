import { oneOf, text, value } from '../flag.ts';
import { defineVerb } from '../verb.ts';

/** The flags of `weft translate`. */
export const translateFlags = {
  file: text({
    placeholder: 'PATH',
    short: 'f',
    default: '.',
    help: 'a repository, its folder of policies, or a file',
  }),
  to: value({ placeholder: 'STAGE', required: true, help: 'what to show: ir or xds' }, oneOf(['ir', 'xds'])),
  proxy: text({
    placeholder: 'NAME',
    help: 'for whom: a WorkloadEntry or Service, reviews.shop; else a caller in the namespace -n',
  }),
} as const;

export const translateVerb = defineVerb({
  name: 'translate',
  summary: 'Show what policies make of a proxy, without a server: the decisions, or what Envoy is told',
  notes:
    'ir: every decision, and the line that made it. xds: listeners, routes, clusters and endpoints with the names of Envoy; secrets are\n' +
    'only named. Endpoints are those that files state, and local ports are given anew: a server keeps the ones that it gave.',
  example: 'weft translate -f policies --to xds --proxy reviews.shop',
  arguments: [],
  flags: translateFlags,
  formats: ['yaml', 'json'],
  run: async (context) => (await import('../actions/translate.ts')).translate(context),
});
