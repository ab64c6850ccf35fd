import { oneOf, onOff, text, value, wholeNumber } from '../flag.ts';
import { defineVerb } from '../verb.ts';
import { workloadFlags } from '../workload-flags.ts';

/** The flags of `weft run`. */
export const runFlags = {
  ...workloadFlags,
  envoy: text({
    placeholder: 'PATH',
    help: 'the Envoy to run (ENVOY_PATH, weft.yaml, PATH, the project cache, .venv)',
  }),
  'exec-probes': onOff({ help: 'run the commands that the probe of its group names, as this user' }),
  concurrency: value({ placeholder: 'N', help: "Envoy's worker threads (one for each core)" }, wholeNumber(1, 1_024)),
  'envoy-log-level': value(
    { placeholder: 'LEVEL', default: 'info', help: 'info, debug or trace; shown with -v' },
    oneOf(['info', 'debug', 'trace']),
  ),
} as const;

export const runVerb = defineVerb({
  name: 'run',
  summary: 'Join the mesh: run Envoy beside a workload, say why it cannot connect, stop it without failing a request',
  notes:
    'An access log that MeshConfig sends to /dev/stdout is printed to stdout between the lines of this verb. What goes to /dev/stderr is shown with\n' +
    "-v alone, as is Envoy's own log.",
  example: 'weft run --cp https://cp.example:15012 -n shop --service payments --port 9080 --token-file payments.token',
  arguments: [{ name: 'envoy-flags', help: 'after --: given to Envoy as they are', repeated: true }],
  flags: runFlags,
  formats: ['table', 'json', 'jsonl'],
  run: async (context) => (await import('../actions/run.ts')).run(context),
});
