import { text } from './flag.ts';

/** The flags of every verb that asks the admin API; apart from the code that asks, as the entry file loads flags alone. */
export const readFlags = {
  'token-file': text({
    placeholder: 'FILE',
    help: 'a credential, - for stdin (WEFT_TOKEN_FILE, or what the server left in its state dir)',
  }),
} as const;
