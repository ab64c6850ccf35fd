import type { OwnUse } from '../model/traffic.ts';
import type { StreamMetricsMessage } from '../proto/gen/envoy/service/metrics/v3/metrics_service_pb.ts';

/** What an Envoy asks by itself, and counts the answers. */
export type OwnQuestion = Exclude<OwnUse, 'mirrors'>;

/** How often an Envoy asked by itself in a flush interval, and what came of it; it does not say whom it asked. */
export interface OwnAnswers {
  readonly kind: 'answers';
  readonly to: OwnQuestion;
  readonly failed: number;
  readonly answered: number;
}

/** Of an authorizer both yes and no are answers; asked about connections it is counted by port, in names from which Envoy takes no tag. */
const counters = {
  keys: { failed: /^http\.jwt_authn\.jwks_fetch_failed$/, answered: /^http\.jwt_authn\.jwks_fetch_success$/ },
  authorizer: {
    failed: /^(http\.ext_authz|ext_authz\.[^.]+)\.error$/,
    answered: /^(http\.ext_authz|ext_authz\.[^.]+)\.(ok|denied)$/,
  },
} as const;

/** Of all ports together, as one decision holds for all of them; nothing where nobody asked. */
export function readOwnAnswers(message: StreamMetricsMessage): readonly OwnAnswers[] {
  const sum = (names: RegExp) =>
    message.envoyMetrics
      .filter(({ name }) => names.test(name))
      .flatMap(({ metric }) => metric)
      .map(({ counter }) => counter?.value ?? 0)
      .reduce((all, value) => (Number.isFinite(value) && value > 0 ? all + value : all), 0);
  return (['keys', 'authorizer'] as const).flatMap((to) => {
    const [failed, answered] = [sum(counters[to].failed), sum(counters[to].answered)];
    return failed + answered === 0 ? [] : [{ kind: 'answers', to, failed, answered } as const];
  });
}
