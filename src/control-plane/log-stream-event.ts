import type { Logger } from 'pino';
import type { StreamEvent } from '../xds/server-options.ts';
import { shortType } from './xds-types.ts';

/** Warns of what the operator must know of a stream: who was turned away, what was refused, and what is never answered. */
export function logStreamEvent(logger: Pick<Logger, 'warn'>, event: StreamEvent<unknown>): void {
  const component = 'xds';
  if (event.kind === 'refused') {
    const { peer, node: proxy, code, message } = event;
    logger.warn({ component, peer, ...(proxy === undefined ? {} : { proxy }), code }, message);
  }
  if (event.kind === 'nacked') logger.warn({ component, resources: event.names, type: event.typeUrl }, event.message);
  if (event.kind === 'unanswered') {
    const { node: proxy, peer, typeUrl: type, version, waited } = event;
    const what = shortType(type) ?? type;
    logger.warn(
      { component, proxy, peer, type, version, waited },
      `${proxy} has not answered its newest ${what} for ${Math.round(waited / 1_000)} s: its Envoy waits for something, or hangs`,
    );
  }
}
