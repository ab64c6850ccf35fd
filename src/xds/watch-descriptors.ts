import { open } from 'node:fs/promises';
import { devNull } from 'node:os';
import type { Clock } from './clock.ts';

/** In milliseconds. */
const every = 1_000;

/**
 * Tells, once a second, that the process has no file descriptor left. Connections are then accepted and closed at once, by libuv, which says
 * so to nobody: that it is so can only be tried. Answers with what ends it.
 */
export function watchDescriptors(
  clock: Clock,
  onFailure: (error: unknown) => void,
  tryOne: () => Promise<{ close(): Promise<void> }> = () => open(devNull),
): () => void {
  let cancel = () => {};
  let isOver = false;
  const look = async (): Promise<void> => {
    try {
      await (await tryOne()).close();
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? String(error.code) : '';
      if (!isOver && (code === 'EMFILE' || code === 'ENFILE'))
        onFailure(new Error(`connections are closed as they come: no file descriptor is left (${code})`));
    }
    if (!isOver) cancel = clock.after(every, look);
  };
  cancel = clock.after(every, look);
  return () => {
    isOver = true;
    cancel();
  };
}
