import type { SidecarObject } from '../../model/policy.ts';
import type { SidecarSpec } from '../../model/sidecar-policy.ts';
import { type LowerContext, networking, supportedKind } from '../kind-definition.ts';
import type { Infer } from '../shape.ts';
import { anyText, choice, integer, labels, list, object, refused, row } from '../shape-builders.ts';
import { present } from './common.ts';
import { connectionPool } from './connection-pool.ts';
import { egress, lowerEgress } from './sidecar-egress.ts';
import { ingress, lowerInboundPool, lowerIngress } from './sidecar-ingress.ts';

const egressProxy = object(
  { host: anyText, subset: anyText, port: object({ number: integer(0, 65_535) }) },
  { required: ['host'] },
);

const closed =
  'write mode: REGISTRY_ONLY beside it and remove it; without that unknown hosts are called past the proxy';

const shape = object(
  {
    workloadSelector: row(object({ labels }), 'T0', 'which proxies'),
    ingress: row(list(ingress), 'T0', 'inbound listener and cluster'),
    egress: row(list(egress), 'T0', 'imported services; explicit outbound listeners', 'D20'),
    inboundConnectionPool: row(connectionPool, 'T1', 'circuit breakers of the inbound clusters'),
    outboundTrafficPolicy: row(
      object({
        mode: choice(['REGISTRY_ONLY', 'ALLOW_ANY']),
        egressProxy: row(refused('T2', egressProxy, { hint: closed }), 'T2', 'catch-all goes to that cluster'),
      }),
      'T0',
      'what becomes of unknown hosts',
      'D18',
    ),
  },
  { atLeastOne: [['egress', 'ingress', 'inboundConnectionPool', 'outboundTrafficPolicy']] },
);

/** Sidecar (P7, P8): what a proxy imports, and how it stands before its program. */
export const sidecar = supportedKind<typeof shape, SidecarObject>({
  kind: 'Sidecar',
  apiVersions: networking,
  spec: shape,
  lower(spec, context) {
    checkContent(spec, context);
    const { egress: outbound = [], ingress: inbound = [], outboundTrafficPolicy: policy } = spec;
    return present<SidecarSpec>({
      workloadSelector: selectorOf(spec, context),
      egress: outbound.length === 0 ? undefined : lowerEgress(outbound, context),
      ingress: lowerIngress(inbound, context),
      inboundConnectionPool:
        spec.inboundConnectionPool &&
        lowerInboundPool(spec.inboundConnectionPool, 'spec.inboundConnectionPool', context),
      // Istio's mode has no unset value: a policy without one closes.
      outboundTrafficPolicy: policy && (policy.mode ?? 'REGISTRY_ONLY'),
    });
  },
});

type Written = Infer<typeof shape>;

/** Empty lists are no content: Istio refuses a Sidecar that says nothing. */
function checkContent(spec: Written, context: LowerContext): void {
  const lists = [...(spec.egress ?? []), ...(spec.ingress ?? [])];
  if (lists.length > 0 || spec.inboundConnectionPool || spec.outboundTrafficPolicy) return;
  const expected = 'an entry of egress or ingress, inboundConnectionPool or outboundTrafficPolicy';
  context.report(
    'WEFT0002',
    'spec',
    `expected ${expected}, got a Sidecar that says nothing`,
    'add egress: [{hosts: ["./*"]}] or such, or remove it',
  );
}

/** A selector without labels chooses like none (P32). */
function selectorOf({ workloadSelector }: Written, context: LowerContext): SidecarSpec['workloadSelector'] {
  if (workloadSelector === undefined) return undefined;
  const { labels: wanted = {} } = workloadSelector;
  if (Object.keys(wanted).length > 0) return wanted;
  const message = 'has no effect without labels: the Sidecar is for every workload of its namespace';
  context.report('WEFT0132', 'spec.workloadSelector', message, 'add labels, or remove it');
  return undefined;
}
