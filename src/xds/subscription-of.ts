import type { Subscription } from './subscription.ts';

/** The subscription of a type, if the client ever asked for it. */
export function subscriptionOf(
  { subscriptions }: { readonly subscriptions: readonly Subscription[] },
  typeUrl: string,
): Subscription | undefined {
  for (const subscription of subscriptions) if (subscription.type.typeUrl === typeUrl) return subscription;
  return undefined;
}
