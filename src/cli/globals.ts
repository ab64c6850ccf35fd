import { duration, type FlagValues, oneOf, onOff, text, value } from './flag.ts';

/** What `-o` may say; each verb prints some of them. */
export const formats = ['table', 'wide', 'json', 'jsonl', 'yaml', 'name', 'file'] as const;
export type Format = (typeof formats)[number];

/** The flags of every verb (section 2.1 of experience.md). */
export const globalFlags = {
  cp: text({ placeholder: 'URL', help: 'the control plane (WEFT_CP, weft.yaml)' }),
  namespace: text({
    placeholder: 'NAME',
    short: 'n',
    help: 'the namespace of short names (WEFT_NAMESPACE; "default")',
  }),
  output: value(
    { placeholder: 'FORMAT', short: 'o', help: 'table, wide, json, yaml, name; jsonl for streams' },
    oneOf(formats),
  ),
  quiet: onOff({ short: 'q', help: 'say nothing but data and errors' }),
  verbose: onOff({ short: 'v', help: 'say more; stack traces of bugs' }),
  timeout: value({ placeholder: 'TIME', default: '10s', help: 'how long to wait for an answer' }, duration),
  'no-color': onOff({ help: 'no colour (NO_COLOR)' }),
} as const;

export type Globals = FlagValues<typeof globalFlags>;
