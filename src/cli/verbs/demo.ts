import { duration, onOff, portBase, text, value } from '../flag.ts';
import { defineVerb } from '../verb.ts';

/** The flags of `weft demo`. */
export const demoFlags = {
  envoy: text({ placeholder: 'PATH', help: 'the Envoy to run (found by itself)' }),
  'port-base': value(
    {
      placeholder: 'PORT',
      default: '15000',
      help: 'shifts all ports: xDS is PORT + 12, the API PORT + 14, the shop PORT + 80',
    },
    portBase(1024),
  ),
  'no-input': onOff({ help: 'press every key itself and end; exit 0 only if each announced effect was seen' }),
  duration: value({ placeholder: 'TIME', default: '20s', help: 'with --no-input: how long at least' }, duration),
  keep: onOff({ help: 'go on with the work folder as the last demo left it' }),
} as const;

export const demoVerb = defineVerb({
  name: 'demo',
  summary: 'Show a whole mesh at work: real services, real Envoys, mTLS, and policies changed through git',
  example: 'weft demo --no-input --duration 20s -o json',
  arguments: [],
  flags: demoFlags,
  formats: ['table', 'json', 'jsonl'],
  run: async (context) => (await import('../actions/demo.ts')).demo(context),
});
