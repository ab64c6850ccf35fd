import { port, text, value } from '../flag.ts';
import { readFlags } from '../read-flags.ts';
import { defineVerb } from '../verb.ts';

/** The flags of `weft proxy-config`. */
export const proxyConfigFlags = {
  ...readFlags,
  file: text({ placeholder: 'DUMP', help: "read Envoy's config dump from a file, - for stdin; needs no server" }),
  fqdn: text({ placeholder: 'HOST', help: 'only what is about this host: reviews, reviews.shop or its whole name' }),
  port: value({ placeholder: 'PORT', help: 'only what names this port' }, port),
} as const;

export const proxyConfigVerb = defineVerb({
  name: 'proxy-config',
  summary: 'Show what a proxy should hold, or holds since it refused newer; routes with the line that made them',
  example: 'weft proxy-config routes frontend-1.shop',
  arguments: [
    { name: 'type', help: 'all, listeners, routes, clusters, endpoints, secrets or bootstrap', required: true },
    { name: 'name', help: 'the proxy: reviews-2.shop' },
  ],
  flags: proxyConfigFlags,
  formats: ['table', 'wide', 'json', 'yaml', 'name'],
  run: async (context) => (await import('../actions/proxy-config.ts')).proxyConfig(context),
});
