import type { Verb } from './verb.ts';
import { bootstrapVerb } from './verbs/bootstrap.ts';
import { runVerb } from './verbs/run.ts';
import { tokenCreateVerb, tokenListVerb, tokenRevokeVerb } from './verbs/token.ts';

/** Every verb, in the order of the help. */
export const verbs: readonly Verb[] = [runVerb, bootstrapVerb, tokenCreateVerb, tokenListVerb, tokenRevokeVerb];
