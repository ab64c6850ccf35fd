import { text } from './flag.ts';

/** The flags of every verb that reads the admin API. They stand apart, so that definitions of verbs load nothing that calls it. */
export const readFlags = {
  'token-file': text({
    placeholder: 'FILE',
    help: 'a credential, - for stdin (WEFT_TOKEN_FILE, .weft/state/operator.token)',
  }),
} as const;
