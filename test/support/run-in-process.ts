import { runCli } from '../../src/cli/run-cli.ts';
import { verbs } from '../../src/cli/verbs.ts';
import { eventually } from './eventually.ts';

/** A `weft run` in this process. */
export interface InProcessRun {
  readonly said: { stdout: string; stderr: string };
  readonly code: Promise<number>;
  /** It says that it is in the mesh. */
  ready(): Promise<void>;
  /** As SIGTERM; a second time: at once. */
  stop(): Promise<number>;
}

/** For what takes the start of an Envoy, on a machine that does much else. */
const patience = 30_000;

/** Starts `weft run` with these further words. `folder` is its working, runtime and state folder. */
export function startInProcess(options: {
  readonly folder: string;
  readonly envoy: string;
  readonly xdsPort: number;
  readonly words: readonly string[];
}): InProcessRun {
  const { folder, envoy, xdsPort, words } = options;
  const said = { stdout: '', stderr: '' };
  let interrupt: ((signal: 'SIGINT' | 'SIGTERM') => void) | undefined;
  const code = runCli(verbs, {
    words: ['run', '-n', 'shop', '--cp', `https://127.0.0.1:${xdsPort}`, '--concurrency', '1', ...words],
    version: '0.1.0',
    env: { LANG: 'C.UTF-8', XDG_RUNTIME_DIR: folder, XDG_STATE_HOME: `${folder}/kept`, ENVOY_PATH: envoy },
    cwd: folder,
    stdout: (text) => {
      said.stdout += text;
    },
    stderr: (text) => {
      said.stderr += text;
    },
    readInput: async () => '',
    makeOutputPrivate: () => undefined,
    onInterrupt: (listener) => {
      interrupt = listener;
    },
  });
  let over: number | undefined;
  void code.then((ended) => {
    over = ended;
  });
  return {
    said,
    code,
    async ready() {
      await eventually(
        'it is in the mesh',
        () => {
          if (over !== undefined) throw new Error(`it ended with ${over}: ${said.stderr}`);
          return said.stdout.includes('is in the mesh');
        },
        patience,
      );
    },
    stop() {
      interrupt?.('SIGTERM');
      return code;
    },
  };
}
