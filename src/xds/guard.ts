/** Wraps a listener, handler or timer so that what it throws, at once or later, ends in one place. */
export type Guard = <Item = void>(listener: (item: Item) => unknown) => (item: Item) => undefined;

/**
 * One guard per stream (reliability.md 6.3): in grpc-js an exception in a listener or timer, or a rejected handler, ends
 * the process. Here it ends the stream: `onFailure` is called, and must not throw.
 */
export function createGuard(onFailure: (error: unknown) => void): Guard {
  return (listener) => (item) => {
    try {
      const result = listener(item);
      if (result instanceof Promise) result.catch(onFailure);
    } catch (error) {
      onFailure(error);
    }
    return undefined;
  };
}
