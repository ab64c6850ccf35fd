import { onOff, text } from '../flag.ts';
import { defineVerb } from '../verb.ts';

/** The flags of `weft server`. */
export const serverFlags = {
  config: text({ placeholder: 'FILE', help: 'the settings (the nearest weft.yaml)' }),
  'check-config': onOff({ help: 'print each setting and where it comes from, and end' }),
} as const;

export const serverVerb = defineVerb({
  name: 'server',
  summary: 'Run the control plane as a service: settings from weft.yaml, a JSON log on standard error',
  example: 'weft server --config /etc/weft/weft.yaml',
  arguments: [],
  flags: serverFlags,
  formats: ['table', 'json', 'yaml'],
  run: async (context) => (await import('../actions/server.ts')).server(context),
});
