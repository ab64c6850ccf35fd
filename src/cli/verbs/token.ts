import { mostUses } from '../../model/token-uses.ts';
import { duration, list, text, value, wholeNumber } from '../flag.ts';
import { readFlags } from '../read-flags.ts';
import { defineVerb } from '../verb.ts';

const count = wholeNumber(1, mostUses);

/** The flags of `weft token create`. */
export const tokenCreateFlags = {
  ...readFlags,
  service: list({
    placeholder: 'NAME',
    required: true,
    help: 'a service that a holder may join as; may be repeated: whoever joins says which of them it is',
  }),
  'service-account': text({
    placeholder: 'NAME',
    help: "the account in the holder's identity (the name of the service that it joins as)",
  }),
  uses: value(
    {
      placeholder: 'N',
      default: '1',
      help: 'how often it can be joined with; unlimited: a credential that every call may carry',
    },
    uses,
  ),
  ttl: value(
    { placeholder: 'TIME', help: 'how long it is good for (1h; with --uses unlimited until it is revoked)' },
    duration,
  ),
  cidr: list({
    placeholder: 'CIDR',
    help: 'where the address that callers connect to may lie (only where the sidecar comes from); may be repeated',
  }),
  port: list({ placeholder: 'PORT', help: 'a port that the application may serve (any); may be repeated' }),
  label: list({
    placeholder: 'KEY=VALUE',
    help: "a label that Services may select a holder by (app=the service's name); may be repeated",
  }),
  group: text({ placeholder: 'NAME', help: "the WorkloadGroup that a holder joins (the one of its service's name)" }),
} as const;

export const tokenCreateVerb = defineVerb({
  name: 'token create',
  summary:
    'Make a token: a credential for workloads of the services that it names; the secret is printed once, on stdout',
  example: 'weft token create --service payments -n shop > payments.token',
  arguments: [],
  flags: tokenCreateFlags,
  formats: ['file', 'json'],
  run: async (context) => (await import('../actions/token.ts')).createToken(context),
});

/** The flags of `weft token list` and `weft token revoke`. */
export const tokenFlags = readFlags;

export const tokenListVerb = defineVerb({
  name: 'token list',
  summary: 'List the tokens, without their secrets',
  example: 'weft token list -o wide',
  arguments: [],
  flags: tokenFlags,
  formats: ['table', 'wide', 'json', 'yaml', 'name'],
  run: async (context) => (await import('../actions/token.ts')).listTokens(context),
});

export const tokenRevokeVerb = defineVerb({
  name: 'token revoke',
  summary: 'Revoke tokens: who holds one is refused from now on',
  example: 'weft token revoke 9f2',
  arguments: [{ name: 'id', help: 'as "weft token list" shows them', required: true, repeated: true }],
  flags: tokenFlags,
  formats: ['table', 'json', 'name'],
  run: async (context) => (await import('../actions/token.ts')).revokeTokens(context),
});

function uses(given: string): number | 'unlimited' {
  return given === 'unlimited' ? given : count(given);
}
