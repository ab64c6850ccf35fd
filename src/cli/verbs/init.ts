import { defineVerb } from '../verb.ts';

export const initVerb = defineVerb({
  name: 'init',
  summary: 'Begin a repository of policies: mutual TLS for everybody and nothing allowed, in a file to be read',
  example: 'weft init mymesh',
  arguments: [{ name: 'DIR', help: 'the folder, made if it is not there (this one)' }],
  flags: {},
  formats: ['table', 'json', 'yaml'],
  run: async (context) => (await import('../actions/init.ts')).init(context),
});
