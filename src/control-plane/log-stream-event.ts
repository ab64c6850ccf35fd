import type { Logger } from 'pino';
import type { Clock } from '../xds/clock.ts';
import type { StreamEvent } from '../xds/server-options.ts';
import { createHandshakeLines, isOfConnection } from './handshake-lines.ts';
import { oneLine } from './one-line.ts';
import { shortType } from './xds-types.ts';

/** Warns of what the operator must know of a stream: who was turned away, what was refused, and what is never answered. */
export function createStreamLog(
  logger: Pick<Logger, 'warn'>,
  clock: Pick<Clock, 'now'>,
): (event: StreamEvent<unknown>) => void {
  const lineOf = createHandshakeLines(() => clock.now());
  return (event) => logStreamEvent(logger, event, lineOf);
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
