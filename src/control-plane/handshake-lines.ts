import { cutText } from '../xds/transport.ts';
import { handshakeText } from '../xds/transport-handshake.ts';

/** One line per peer address and so many milliseconds. */
const every = 60_000;
/** More addresses at once are not told apart: who has thousands of them wants to fill the log. */
const mostAddresses = 1_000;

/** Whether `refused` is about a connection, of whoever reaches the port, and not about a stream. */
export function isOfConnection(message: string): boolean {
  return message.startsWith(handshakeText) || message.startsWith(cutText);
}

/**
 * Which handshakes that failed, and connections that were cut, are worth a line of a log: of each peer address one a minute, with how many
 * came since the last one. Whoever scans ports, or an Envoy that comes again every second with the wrong roots, fills no log.
 */
export function createHandshakeLines(now: () => number): (peer: string) => { readonly before: number } | undefined {
  const lines = new Map<string, { readonly at: number; passed: number }>();
  return (peer) => {
    const address = peer.slice(0, peer.lastIndexOf(':'));
    const at = now();
    const last = lines.get(address);
    if (last !== undefined && at - last.at < every) {
      last.passed += 1;
      return undefined;
    }
    if (last === undefined && lines.size >= mostAddresses)
      for (const [other, line] of lines) if (at - line.at >= every) lines.delete(other);
    if (last === undefined && lines.size >= mostAddresses) return undefined;
    lines.set(address, { at, passed: 0 });
    return { before: last?.passed ?? 0 };
  };
}
