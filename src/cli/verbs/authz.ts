import { list, text } from '../flag.ts';
import { readFlags } from '../read-flags.ts';
import { defineVerb } from '../verb.ts';

/** What says of a call all that rules of authorization look at. */
export const callFlags = {
  ...readFlags,
  file: text({
    placeholder: 'PATH',
    short: 'f',
    help: 'a repository, its folder of policies, or a file; needs no server',
  }),
  from: text({
    placeholder: 'CALLER',
    help: 'a workload, a service, or demo.mesh/ns/shop/sa/frontend; absent: a caller without an identity',
  }),
  method: text({ placeholder: 'METHOD', default: 'GET', help: 'of HTTP' }),
  path: text({ placeholder: 'PATH', default: '/', help: 'path and query' }),
  header: list({ placeholder: 'HEADER', short: 'H', help: '"name: value", may be repeated' }),
  address: text({ placeholder: 'IP', help: "the caller's address; absent: rules about it are not decided" }),
  claims: text({ placeholder: 'JSON', help: 'of a valid token: {"iss":"https://issuer.example","sub":"ana"}' }),
} as const;

/** The flags of `weft authz`. */
export const authzFlags = {
  ...callFlags,
  to: text({ placeholder: 'HOST[:PORT]', required: true, help: 'what is called, as a program writes it' }),
} as const;

export const authzVerb = defineVerb({
  name: 'authz',
  summary: 'Tell whether a call is allowed, and by which rule; else which rule refuses it or comes nearest',
  notes:
    'The call is led where the caller’s sidecar leads it, and judged as the sidecar of each workload there would.\n' +
    'Exit code 1: it is refused somewhere, or comes to nobody, or depends on what was not said (--address, --claims).\n' +
    'A host that nobody of the mesh has is told with what may be meant, and is refused or passed on as weft route has it.',
  example: 'weft authz --from frontend --to reviews:9080 --method POST --path /reviews/7',
  arguments: [],
  flags: authzFlags,
  formats: ['table', 'json', 'yaml'],
  run: async (context) => (await import('../actions/authz.ts')).authz(context),
});
