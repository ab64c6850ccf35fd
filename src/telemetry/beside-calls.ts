import type { Proxy } from '../model/proxy.ts';
import { anyone, outside } from '../model/traffic.ts';
import type { StreamMetricsMessage } from '../proto/gen/envoy/service/metrics/v3/metrics_service_pb.ts';
import type { Metric } from '../proto/gen/io/prometheus/client/metrics_pb.ts';
import type { Directory, Party, Series } from './series.ts';

/**
 * What no access log has, as no program made a request, or nobody was let in to make one; counted by Envoy itself, gained in a flush
 * interval. `own`: requests that the sidecar makes, as mirrors, for keys of tokens, or to an authorizer, by class of the answer. `cut`:
 * connections that speak none of what the port takes, so plaintext where mesh TLS is demanded. `dry-run`: what policies in dry-run
 * would have said of requests, `refused` or not.
 */
export type BesideCalls =
  | { readonly kind: 'own'; readonly cluster: string; readonly code: string; readonly value: number }
  | { readonly kind: 'cut'; readonly value: number }
  | { readonly kind: 'dry-run'; readonly action: 'DENY' | 'ALLOW'; readonly refused: boolean; readonly value: number };

const ownRequests = 'cluster.internal.upstream_rq_xx';
const unmatched = 'listener.no_filter_chain_match';
const judged = /^http\.rbac\.shadow_(denied|allowed)$/;
/** Of AUDIT there are such counters, too. */
const actions = { istio_dry_run_deny_: 'DENY', istio_dry_run_allow_: 'ALLOW' } as const;

/** Of an Envoy's flush; `proxy` tells its inbound ports from where its own program calls. */
export function readBesideCalls(message: StreamMetricsMessage, proxy: Pick<Proxy, 'ports'>): readonly BesideCalls[] {
  return message.envoyMetrics.flatMap(({ name, metric }): readonly BesideCalls[] => {
    if (name === ownRequests)
      return metric.flatMap((each) => {
        const [cluster, code] = [labelOf(each, 'envoy.cluster_name'), labelOf(each, 'envoy.response_code_class')];
        const value = gained(each);
        return value === 0 || cluster === '' ? [] : [{ kind: 'own', cluster, code: `${code}xx`, value }];
      });
    if (name === unmatched) {
      const inbound = metric.filter((each) =>
        proxy.ports.some((port) => labelOf(each, 'envoy.listener_address').endsWith(`_${port.inbound}`)),
      );
      const value = inbound.reduce((all, each) => all + gained(each), 0);
      return value === 0 ? [] : [{ kind: 'cut', value }];
    }
    const [, result] = judged.exec(name) ?? [];
    return Object.entries(result === undefined ? {} : actions).flatMap(([prefix, action]) => {
      const of = metric.filter((each) => labelOf(each, 'envoy.rbac_http_prefix') === prefix);
      const value = of.reduce((all, each) => all + gained(each), 0);
      return value === 0 ? [] : [{ kind: 'dry-run', action, refused: result === 'denied', value } as const];
    });
  });
}

function labelOf({ label }: Metric, wanted: string): string {
  return label.find(({ name }) => name === wanted)?.value ?? '';
}

function gained({ counter }: Metric): number {
  const value = counter?.value ?? 0;
  return Number.isFinite(value) && value > 0 ? value : 0;
}

/**
 * The series that it belongs to; undefined: of no service, or for no use that is known, as programs may say of their own requests that they are a
 * sidecar's (`x-envoy-internal`).
 */
export function seriesBeside(proxy: Proxy, sample: BesideCalls, directory: Directory): Series | undefined {
  const self: Party = {
    service: proxy.service,
    namespace: proxy.namespace,
    principal: proxy.identity,
    app: proxy.labels.app ?? '',
    version: proxy.labels.version ?? '',
  };
  const outcome = { host: '', flags: '-', grpcStatus: '' };
  switch (sample.kind) {
    case 'own': {
      const called = directory.destinationOf(sample.cluster);
      const uses = directory.ownUsesOf(proxy, sample.cluster);
      if (called === undefined || uses.length === 0) return undefined;
      const { service, namespace, host, subset = '' } = called;
      const destination = { service, namespace, principal: '', app: service, version: subset };
      const { code } = sample;
      const beside = { reporter: 'source', beside: 'own', protocol: 'http', source: self, destination } as const;
      return { ...outcome, ...beside, host, code, uses };
    }
    case 'cut': {
      const source = { ...nobody, service: outside };
      const beside = { reporter: 'destination', beside: 'cut', protocol: 'tcp', source, destination: self } as const;
      return { ...outcome, ...beside, code: '', refused: 'cut' };
    }
    case 'dry-run': {
      const source = { ...nobody, service: anyone };
      const beside = { reporter: 'destination', protocol: 'http', source, destination: self } as const;
      return { ...outcome, ...beside, beside: sample.action, code: sample.refused ? 'refused' : 'allowed' };
    }
    default:
      return sample satisfies never;
  }
}

const nobody: Omit<Party, 'service'> = { namespace: '', principal: '', app: '', version: '' };
