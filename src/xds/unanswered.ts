import type { Clock } from './clock.ts';
import type { LiveStreams } from './live-streams.ts';
import type { StreamEvent } from './server-options.ts';

/** How often it is looked, as a part of the time that an answer may take; at most so many milliseconds apart. */
const look = { partOfTime: 1 / 8, every: 5_000 };

/**
 * Tells of responses that were not answered for `longest` milliseconds, of each once: Envoy does not answer clusters of which one never
 * gets warm, and a client may hang. Looks at all streams now and then, so that a push costs nothing for it. Returns what stops it.
 */
export function watchUnanswered<Principal>(options: {
  readonly longest: number;
  readonly streams: Pick<LiveStreams<Principal>, 'all'>;
  readonly clock: Clock;
  readonly observe: (event: Extract<StreamEvent<Principal>, { kind: 'unanswered' }>) => void;
}): () => void {
  const { longest, streams, clock, observe } = options;
  let told = new Set<string>();
  let cancel = (): void => {};
  const lookAround = (): void => {
    cancel = clock.after(Math.max(1, Math.min(look.every, longest * look.partOfTime)), lookAround);
    const now = clock.now();
    const still = new Set<string>();
    for (const stream of [...streams.all()]) {
      for (const { typeUrl, version, nonce, sentAt } of stream.unanswered(now - longest)) {
        const { id, node, peer } = stream.status();
        // The nonce is unique on its stream, across all types (X25).
        const key = `${id} ${nonce}`;
        still.add(key);
        if (told.has(key)) continue;
        const waited = now - sentAt;
        observe({ kind: 'unanswered', stream: id, node: node.id, peer, typeUrl, version, nonce, waited });
      }
    }
    told = still;
  };
  cancel = clock.after(Math.max(1, Math.min(look.every, longest * look.partOfTime)), lookAround);
  return () => cancel();
}
