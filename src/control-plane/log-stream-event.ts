import type { Logger } from 'pino';
import type { Clock } from '../xds/clock.ts';
import type { StreamEvent } from '../xds/server-options.ts';
import { createHandshakeLines, isOfConnection } from './handshake-lines.ts';
import { oneLine } from './one-line.ts';
import { shortType } from './xds-types.ts';

/** What gRPC clients take at once unless they are told otherwise, in bytes. */
const grpcLimit = 4 * 1024 * 1024;

/**
 * Warns of what the operator must know of a stream: who was turned away, what was refused, what is never answered, and, once for each type,
 * what is too large for some (section 8 of xds-protocol.md).
 */
export function createStreamLog(
  logger: Pick<Logger, 'warn'>,
  clock: Pick<Clock, 'now'>,
): (event: StreamEvent<unknown>) => void {
  const lineOf = createHandshakeLines(() => clock.now());
  const large = new Set<string>();
  return (event) => {
    if (event.kind !== 'sent') return logStreamEvent(logger, event, lineOf);
    const { typeUrl: type, bytes } = event;
    if (bytes <= grpcLimit || large.has(type)) return;
    large.add(type);
    const what = `a response of ${shortType(type) ?? type} has ${(bytes / 1024 / 1024).toFixed(1)} MiB and cannot be split`;
    const message = `${what}: Envoy takes it, gRPC clients refuse more than 4 MiB unless they are told otherwise`;
    logger.warn({ component: 'xds', type, bytes }, message);
  };
}

function logStreamEvent(
  logger: Pick<Logger, 'warn'>,
  event: StreamEvent<unknown>,
  lineOf: ReturnType<typeof createHandshakeLines>,
): void {
  const component = 'xds';
  if (event.kind === 'refused') {
    const { peer, node: proxy, code, message } = event;
    const line = isOfConnection(message) ? lineOf(peer) : { before: 0 };
    if (line === undefined) return;
    const passed = line.before === 0 ? {} : { passedOver: line.before };
    logger.warn({ component, peer, ...(proxy === undefined ? {} : { proxy }), code, ...passed }, message);
  }
  if (event.kind === 'nacked')
    logger.warn({ component, resources: event.names, type: event.typeUrl }, oneLine(event.message));
  if (event.kind === 'unanswered') {
    const { node: proxy, peer, typeUrl: type, version, waited } = event;
    const what = shortType(type) ?? type;
    logger.warn(
      { component, proxy, peer, type, version, waited },
      `${proxy} has not answered its newest ${what} for ${Math.round(waited / 1_000)} s: its Envoy waits for something, or hangs`,
    );
  }
}
