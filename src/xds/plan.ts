import type { Resource } from './resource.ts';
import type { Variant } from './subscription.ts';

/** What a response says. */
export interface Content {
  readonly variant: Variant;
  readonly typeUrl: string;
  readonly version: string;
  readonly resources: readonly Resource[];
  readonly removed: readonly string[];
  /** `with`: resources carry their TTL (X106); `heartbeat`: that and nothing else (X108). */
  readonly ttl: 'none' | 'with' | 'heartbeat';
}

/**
 * The name of a response on the wire. Nonces are unique on a stream (X25), not between streams: equal content bears equal
 * nonces wherever a stream has not had that nonce yet, so that the bytes are shared as a whole.
 */
export interface Envelope {
  /** Rises from one response of a stream to the next. */
  readonly number: number;
  readonly nonce: string;
  /** As given, or equal content that others keep already. */
  readonly content: Content;
  /** The response as it goes over the wire (frame.ts), made when it is first asked for. */
  frame(): Uint8Array;
}

/** Names a response of a stream whose last one bore the number `after`. */
export type Seal = (content: Content, after: number) => Envelope;

/** What is sent under this envelope. */
export function planOf({ variant, typeUrl, version, removed, ttl }: Content, envelope: Envelope): Plan {
  const { nonce, content } = envelope;
  return { variant, typeUrl, version, resources: content.resources, removed, ttl, nonce, envelope };
}

/** What is to be sent. */
export interface Plan extends Content {
  readonly nonce: string;
  readonly envelope: Envelope;
}
