import { eventually } from './eventually.ts';
import { type StartedVerb, startVerb } from './run-verb.ts';

/** A `weft run` in this process. */
export interface InProcessRun extends Pick<StartedVerb, 'said' | 'code'> {
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
  const { said, code, stop } = startVerb(
    ['run', '-n', 'shop', '--cp', `https://127.0.0.1:${xdsPort}`, '--concurrency', '1', ...words],
    { cwd: folder, env: { XDG_RUNTIME_DIR: folder, XDG_STATE_HOME: `${folder}/kept`, ENVOY_PATH: envoy } },
  );
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
      stop();
      return code;
    },
  };
}
