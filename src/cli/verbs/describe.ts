import { text } from '../flag.ts';
import { readFlags } from '../read-flags.ts';
import { defineVerb } from '../verb.ts';

/** The flags of `weft describe`. */
export const describeFlags = {
  ...readFlags,
  file: text({
    placeholder: 'PATH',
    short: 'f',
    help: 'a repository, its folder of policies, or a file; needs no server',
  }),
} as const;

export const describeVerb = defineVerb({
  name: 'describe',
  summary: 'Tell all about a service, a workload or a policy: each value, and the line that it comes from',
  notes:
    'service: its rules, limits and endpoints as a caller of its own namespace meets them, who may call it, and what passes a sidecar otherwise\n' +
    'than it was sent. workload: what stands before its ports. policy: what it acts on, and every value that proxies have because of it.\n' +
    'The last column is file:line, or default:D5 for a default of the table "Defaults" in docs/support.md.',
  example: 'weft describe service reviews.shop',
  arguments: [
    { name: 'kind', help: 'service, workload or policy', required: true },
    { name: 'name', help: 'reviews, reviews.shop, api.example.com, VirtualService/shop/reviews', required: true },
  ],
  flags: describeFlags,
  formats: ['table', 'json', 'yaml'],
  run: async (context) => (await import('../actions/describe.ts')).describe(context),
});
