import type { Millis } from '../model/policy.ts';

/** What the control plane says of the roots. */
export interface TrustAnswer {
  /** PEM of each root. */
  readonly roots: readonly string[];
  /** The certificate of the proxy's own key is to be replaced now. */
  readonly renew: boolean;
  readonly askAgainIn: Millis;
}

export interface TrustWatch {
  /** The control plane can be reached (again): it is asked soon. */
  connected(): void;
  stop(): void;
}

const retryAfter: Millis = 2_000;
const bounds = { shortest: 500, longest: 60_000 } as const;

/**
 * Asks from time to time which roots speak for the control plane, so that its next connection is known by the new root before the old one
 * goes (F9). What fails is tried again: as long as the old root is trusted nothing is lost by that.
 */
export function createTrustWatch(options: {
  readonly ask: () => Promise<TrustAnswer>;
  readonly take: (rootPem: string) => Promise<void>;
  readonly renew: () => void;
}): TrustWatch {
  const { ask, take, renew } = options;
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;
  let asking = false;

  const after = (delay: Millis): void => {
    clearTimeout(timer);
    if (stopped) return;
    // A tenth more or less: sidecars that started together do not ask together.
    timer = setTimeout(() => void look(), delay * (0.9 + 0.2 * Math.random()));
    timer.unref();
  };
  const look = async (): Promise<void> => {
    if (asking) return;
    asking = true;
    try {
      const answer = await ask();
      if (stopped) return;
      if (answer.roots.length > 0) await take(answer.roots.join(''));
      if (answer.renew) renew();
      after(Math.min(Math.max(answer.askAgainIn, bounds.shortest), bounds.longest));
    } catch {
      // The control plane is away, or of an earlier version; that it cannot be reached is said by whoever needs it.
      after(retryAfter);
    } finally {
      asking = false;
    }
  };
  return {
    connected: () => after(bounds.shortest),
    stop() {
      stopped = true;
      clearTimeout(timer);
    },
  };
}
