import { status } from '@grpc/grpc-js';
import type { Call, CallHandler, CallListener } from './call.ts';
import type { Clock } from './clock.ts';

/**
 * T9: a call of another method is held to the deadline of a stream, from its start to its first message, whether its handler does not come to
 * ask for that or its client does not send it.
 */
export function withFirstMessage(
  handler: CallHandler,
  host: {
    readonly clock: Clock;
    readonly firstRequest: number;
    readonly begins: (peer: string) => void;
    readonly onFailure: (error: unknown, peer: string) => void;
  },
): CallHandler {
  const { clock, firstRequest, begins, onFailure } = host;
  return async (call) => {
    let told: CallListener | undefined;
    const overdue = (): void => {
      const message =
        told === undefined
          ? `the handler of ${call.path} has not asked for a message for ${firstRequest} ms`
          : 'no message came on this call';
      if (told === undefined) onFailure(new Error(message), call.peer);
      call.end(status.DEADLINE_EXCEEDED, message);
      try {
        told?.gone(message);
      } catch (error) {
        onFailure(error, call.peer);
      }
    };
    const disarm = clock.after(firstRequest, overdue);
    begins(call.peer);
    const timed: Call = {
      path: call.path,
      peer: call.peer,
      get headers() {
        return call.headers;
      },
      get certificate() {
        return call.certificate;
      },
      listen(listener) {
        told = listener;
        call.listen({
          // What it answers with may be a promise, whose failure ends the call.
          message(bytes) {
            disarm();
            return listener.message(bytes);
          },
          halfClosed() {
            disarm();
            return listener.halfClosed();
          },
          gone(reason) {
            disarm();
            return listener.gone(reason);
          },
        });
      },
      pause: () => call.pause(),
      resume: () => call.resume(),
      confirm: (many) => call.confirm(many),
      write: (frame, written) => call.write(frame, written),
      end(code, message) {
        disarm();
        call.end(code, message);
      },
    };
    try {
      await handler(timed);
    } catch (error) {
      disarm();
      throw error;
    }
  };
}
