import { readFlags } from '../read-flags.ts';
import { defineVerb } from '../verb.ts';

/** The flags of `weft get`. */
export const getFlags = readFlags;

export const getVerb = defineVerb({
  name: 'get',
  summary: 'List services, workloads, policies, sidecars, certs, tokens, proxies, ports or sources, or show the mesh',
  example: 'weft get services -n shop',
  arguments: [
    {
      name: 'kind',
      help: 'services, workloads, policies, sidecars, certs, tokens, proxies, ports, sources or mesh',
      required: true,
    },
    { name: 'name', help: 'only this one: reviews, reviews.shop, VirtualService/shop/reviews' },
  ],
  flags: getFlags,
  formats: ['table', 'wide', 'json', 'yaml', 'name'],
  run: async (context) => (await import('../actions/get.ts')).get(context),
});
