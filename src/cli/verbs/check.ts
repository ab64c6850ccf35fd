import { text } from '../flag.ts';
import { defineVerb } from '../verb.ts';
import { callFlags } from './authz.ts';

/** The flags of `weft check`. */
export const checkFlags = {
  ...callFlags,
  to: text({ placeholder: 'HOST[:PORT]', help: 'what is called, as a program writes it' }),
} as const;

export const checkVerb = defineVerb({
  name: 'check',
  summary: 'Look at the mesh, or at the way from one workload to another: endpoints, route, mutual TLS, authorization',
  notes:
    'With --to each line says who decides it; without, this machine, the control plane, its CA and the proxies are looked at.\n' +
    'A bad line says what to do. Exit code 1: one of them is bad.',
  example: 'weft check --from catalog --to reviews',
  arguments: [],
  flags: checkFlags,
  formats: ['table', 'json', 'yaml'],
  run: async (context) => (await import('../actions/check.ts')).check(context),
});
