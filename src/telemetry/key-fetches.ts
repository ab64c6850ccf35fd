import type { StreamMetricsMessage } from '../proto/gen/envoy/service/metrics/v3/metrics_service_pb.ts';

/** How often an Envoy asked for the keys of tokens in a flush interval, and what came of it; it does not say for which issuer. */
export interface KeyFetches {
  readonly kind: 'keys';
  readonly failed: number;
  readonly fetched: number;
}

const failures = 'http.jwt_authn.jwks_fetch_failed';
const successes = 'http.jwt_authn.jwks_fetch_success';

/** Of all ports together, as one decision holds for all of them; nothing where nobody asked. */
export function readKeyFetches(message: StreamMetricsMessage): readonly KeyFetches[] {
  const sum = (name: string) =>
    message.envoyMetrics
      .filter((family) => family.name === name)
      .flatMap(({ metric }) => metric)
      .map(({ counter }) => counter?.value ?? 0)
      .reduce((all, value) => (Number.isFinite(value) && value > 0 ? all + value : all), 0);
  const [failed, fetched] = [sum(failures), sum(successes)];
  return failed + fetched === 0 ? [] : [{ kind: 'keys', failed, fetched }];
}
