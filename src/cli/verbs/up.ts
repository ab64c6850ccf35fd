import { onOff, portBase, value } from '../flag.ts';
import { defineVerb } from '../verb.ts';

/** The flags of `weft up`. */
export const upFlags = {
  'port-base': value(
    {
      placeholder: 'PORT',
      help: 'shifts all ports: xDS is PORT + 12, the API PORT + 14, local ports start at PORT + 6000 (15000)',
    },
    portBase(1),
  ),
  'working-tree': onOff({ help: 'serve uncommitted edits too, as <commit>+edits' }),
} as const;

export const upVerb = defineVerb({
  name: 'up',
  summary: 'Run the control plane for the policy repository in a folder, and tell what happens',
  example: 'weft up mymesh --working-tree',
  arguments: [{ name: 'DIR', help: 'a folder of a git repository with policies/ in it (this one)' }],
  flags: upFlags,
  formats: ['table', 'jsonl', 'json'],
  run: async (context) => (await import('../actions/up.ts')).up(context),
});
