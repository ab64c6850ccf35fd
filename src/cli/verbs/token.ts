import { duration, list, oneOf, text, value, wholeNumber } from '../flag.ts';
import { readFlags } from '../read-flags.ts';
import { defineVerb } from '../verb.ts';

/** The flags of `weft token create`. */
export const tokenCreateFlags = {
  ...readFlags,
  service: text({ placeholder: 'NAME', required: true, help: 'the one service that a holder may join as' }),
  'service-account': text({ placeholder: 'NAME', help: "the account in the holder's identity (the service's name)" }),
  kind: value(
    {
      placeholder: 'KIND',
      default: 'credential',
      help: 'credential: good until revoked or over; join: spent by joining',
    },
    oneOf(['join', 'credential']),
  ),
  ttl: value({ placeholder: 'TIME', help: 'how long it is good for (credential: until revoked; join: 1h)' }, duration),
  uses: value({ placeholder: 'N', help: 'how often a join token may be used (1)' }, wholeNumber(1, 10_000)),
  cidr: list({ placeholder: 'CIDR', help: 'only from these addresses; may be repeated' }),
} as const;

export const tokenCreateVerb = defineVerb({
  name: 'token create',
  summary: 'Make a token for the workloads of one service; the secret is printed once, on stdout',
  example: 'weft token create --service payments -n shop --ttl 1h -o file > payments.token',
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
