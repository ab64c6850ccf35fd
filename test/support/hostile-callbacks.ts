/** The callbacks that a program gives to its server, and the ways in which each can fail (F28, 6.3). */
export const callbacks = [
  'authenticate',
  'open',
  'snapshot',
  'watch',
  'unwatch',
  'close',
  'observe-opened',
  'observe-sent',
  'observe-acked',
  'observe-nacked',
  'observe-refused',
  'observe-closed',
  'observe-failed',
] as const;
export type Callback = (typeof callbacks)[number];
type Failure = 'throw' | 'reject' | 'late' | 'nonsense';

/** Where a value is due at once, the compiler refuses a promise; a program without types gives nothing at all. */
export function failuresOf(callback: Callback): readonly Failure[] {
  const atOnce = callback === 'snapshot' || callback === 'watch';
  return atOnce ? ['throw', 'nonsense'] : ['throw', 'reject', 'late', 'nonsense'];
}

/** `open:late`: what the caller's header asks the server's program to do wrong. */
export const breakHeader = 'x-break';

/**
 * Fails if the header asks for it, else does what the callback does. What a failing callback returns is no value of its type: programs
 * without types, or with `async` where nothing waits, do exactly that.
 */
export function orFail<Result>(wanted: string, callback: Callback, act: () => Result): Result {
  if (!wanted.startsWith(`${callback}:`)) return act();
  const bug = new Error(`a bug in ${callback}`);
  const how = wanted.slice(callback.length + 1);
  if (how === 'throw') throw bug;
  if (how === 'reject') return Promise.reject(bug) as Result;
  if (how === 'late') return new Promise((_, reject) => setTimeout(() => reject(bug), 30)) as Result;
  return undefined as Result;
}
