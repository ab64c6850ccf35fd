import { list, oneOf, text, value } from '../flag.ts';
import { readFlags } from '../read-flags.ts';
import { defineVerb } from '../verb.ts';

/** The flags of `weft route`. */
export const routeFlags = {
  ...readFlags,
  file: text({
    placeholder: 'PATH',
    short: 'f',
    help: 'a repository, its folder of policies, or a file; needs no server',
  }),
  from: text({
    placeholder: 'WORKLOAD',
    help: 'who calls: reviews-2.shop, or a service; absent: a caller of the namespace -n without labels',
  }),
  to: text({ placeholder: 'HOST[:PORT]', required: true, help: 'what is called, as a program writes it' }),
  method: text({ placeholder: 'METHOD', default: 'GET', help: 'of HTTP; CONNECT opens a tunnel' }),
  path: text({ placeholder: 'PATH', default: '/', help: 'path and query' }),
  header: list({
    placeholder: 'HEADER',
    short: 'H',
    help: '"name: value", may be repeated; Host stands before --to',
  }),
  scheme: value(
    { placeholder: 'SCHEME', help: 'of the URL, for programs that name it: http or https' },
    oneOf(['http', 'https']),
  ),
  sni: text({
    placeholder: 'NAME',
    help: 'the server name of TLS that the program begins; absent: the host; "" for TLS that names none',
  }),
} as const;

export const routeVerb = defineVerb({
  name: 'route',
  summary: 'Tell which rule takes a call, why each one before it does not, and what becomes of the call',
  notes:
    'Rules are asked in their order; the first that fits has the call. Of each one before, the condition that fails is shown with its line.\n' +
    'Of a running mesh it is said, too, where a proxy of the caller does not hold that: it refused it, or was not sent it yet.\n' +
    'With --from it is said whether the workloads that it comes to let it in (weft authz says why).\n' +
    'Exit code 1: the call, or a share of it, would fail. No rule fits, the host is not known and refused, a policy refuses the caller, nobody\n' +
    'well is there to be called, or a proxy of the caller refused what decides it. With -f, endpoints are those that files state, and who is\n' +
    'away is not held against them.',
  example: 'weft route --from frontend-1 --to reviews:9080 --path /reviews/7 -H end-user:ana',
  arguments: [],
  flags: routeFlags,
  formats: ['table', 'json', 'yaml'],
  run: async (context) => (await import('../actions/route.ts')).route(context),
});
