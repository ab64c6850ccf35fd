import { text } from '../flag.ts';
import { defineVerb } from '../verb.ts';

/** The flags of `weft schema`. */
export const schemaFlags = {
  kind: text({ placeholder: 'KIND', help: 'of this kind alone; MeshConfig for meshconfig.yaml' }),
} as const;

export const schemaVerb = defineVerb({
  name: 'schema',
  summary: 'Print a JSON Schema of the policies, with which editors complete and check them as they are written',
  example: 'weft schema > policies.schema.json',
  arguments: [],
  flags: schemaFlags,
  formats: ['json'],
  run: async (context) => (await import('../actions/schema.ts')).schema(context),
});
