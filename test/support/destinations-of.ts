import type { DestinationRuleSpec, TrafficPolicy } from '../../src/model/destination-rule.ts';
import { destinationOf, destinationRule, service, viewOf } from './resolve-values.ts';

export const services = [service('shop/reviews', { 9080: 'http', 9090: 'http' })];
export const key = 'shop/reviews.shop.svc.cluster.local';
export const connections = (maxConnections: number): Partial<TrafficPolicy> => ({
  connectionPool: { tcp: { maxConnections } },
});
export const ejection = (consecutive5xxErrors: number): Partial<TrafficPolicy> => ({
  outlierDetection: { consecutive5xxErrors, splitExternalLocalOriginErrors: false },
});
export const policy = (part: Partial<TrafficPolicy>): TrafficPolicy => ({ portLevelSettings: [], ...part });

export function reviews(spec: Partial<DestinationRuleSpec>, subset?: string, lines?: Readonly<Record<string, number>>) {
  const policies = [destinationRule('shop/reviews', { host: 'reviews', ...spec }, lines)];
  return destinationOf(viewOf({ services, policies }), 'shop/reviews', subset);
}
