import type { Logger } from 'pino';
import type { Authority } from '../ca/authority.ts';
import type { Clock } from '../model/state-store.ts';

/** Days are what the alarms count in; a machine that slept through one looks again soon after it woke. */
const lookEvery = 10 * 60_000;

/**
 * Says in the log what ends soon (WEFT0302, F11): once for each certificate and each step of its alarm (30, 14, 7, 1 days, over), and
 * again after a restart. Returns a function that ends it.
 */
export function startCertificateAlarms(options: {
  readonly authority: Pick<Authority, 'info'>;
  readonly logger: Pick<Logger, 'warn' | 'error'>;
  readonly clock: Clock;
}): () => void {
  const { authority, logger, clock } = options;
  const said = new Set<string>();
  let cancel = (): void => undefined;
  const look = (): void => {
    for (const { code, what, fingerprint, endsWithinDays, message, hint } of authority.info().alarms) {
      const key = `${fingerprint} ${endsWithinDays}`;
      if (said.has(key)) continue;
      said.add(key);
      const level = endsWithinDays <= 1 ? 'error' : 'warn';
      logger[level]({ component: 'ca', code, what, fingerprint, endsWithinDays, hint }, message);
    }
    cancel = clock.after(lookEvery, look);
  };
  look();
  return () => cancel();
}
