import { connect } from 'node:net';
import { failed, type ProbeResult, passed, wordsOf } from './probe-result.ts';

/** One connection: that it comes to be is the success. `signal` ends the attempt. */
export function probeTcp(host: string, port: number, signal: AbortSignal): Promise<ProbeResult> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const end = (result: ProbeResult): void => {
      signal.removeEventListener('abort', onAbort);
      socket.destroy();
      resolve(result);
    };
    const onAbort = (): void => end(failed(wordsOf(signal.reason)));
    signal.addEventListener('abort', onAbort);
    socket.on('connect', () => end(passed));
    socket.on('error', (error) => end(failed(wordsOf(error))));
  });
}
