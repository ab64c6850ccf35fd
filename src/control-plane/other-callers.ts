import type { DescriptionRow } from '../model/description.ts';
import type { OutboundPort, OutboundService, Scope } from '../model/ir.ts';
import type { Policy } from '../model/policy.ts';
import type { Service } from '../model/service.ts';
import { scopeKey } from '../resolve/scope.ts';
import { resolveView } from '../resolve/view.ts';
import type { Describable } from './describable.ts';
import { routeRows, subsetRows } from './describe-destination.ts';
import { rowOf } from './describe-words.ts';

/**
 * P10, P20, P21: what callers meet otherwise than those of the service's own namespace without labels, which is `told`: those who are known,
 * and those whom these objects ask for, whether somebody is one or not.
 */
export function otherCallers(
  { mesh, scopes }: Describable,
  { key, namespace }: Service,
  told: OutboundService | undefined,
  acting: readonly Policy[],
): readonly DescriptionRow[] {
  const known = new Set(scopes.map(scopeKey));
  const asked = acting.flatMap((policy) => askedFor(policy, namespace));
  const all = new Map([...scopes, ...asked].map((scope) => [scopeKey(scope), scope]));
  all.delete(scopeKey({ namespace, labels: {} }));
  return [...all].flatMap(([whom, scope]) => {
    const { services, imports } = resolveView(mesh, scope);
    const seen = services.find((each) => each.service === key);
    if (seen !== undefined)
      return seen.ports.flatMap((port) => {
        const before = told?.ports.find((each) => each.port === port.port);
        return differingRows(port, before).map((row) => ({ ...row, text: `${whom}, port ${port.port}: ${row.text}` }));
      });
    if (!known.has(whom)) return [];
    const why = imports === undefined ? 'not visible to its callers' : 'not visible to its callers, or not imported';
    return [rowOf(`${whom}: ${why}`, imports?.by)];
  });
}

/** The clients that an object tells from others of their namespace, or from those of other namespaces. */
function askedFor(policy: Policy, called: string): readonly Scope[] {
  if (policy.kind === 'DestinationRule')
    return [{ namespace: policy.namespace, labels: policy.spec.workloadSelector ?? {} }];
  if (policy.kind !== 'VirtualService') return [];
  const { http, tls, tcp, exportTo } = policy.spec;
  const others = exportTo.length === 0 || exportTo.includes('*') ? called : policy.namespace;
  return [
    { namespace: policy.namespace, labels: {} },
    ...[...http, ...tls, ...tcp].flatMap(({ match }) =>
      match.map(({ sourceNamespace, sourceLabels }) => ({
        namespace: sourceNamespace ?? others,
        labels: sourceLabels,
      })),
    ),
  ];
}

/** The rules and values of a port that are not those told of it. */
function differingRows(port: OutboundPort, told: OutboundPort | undefined): readonly DescriptionRow[] {
  const kept = new Set(rulesOf(port));
  const gone = rulesOf(told).flatMap((rule, index) => (kept.has(rule) ? [] : [index + 1]));
  const values = port.destinations.flatMap((destination) => {
    const { subset } = destination.ref;
    const before = told?.destinations.find(({ ref }) => ref.subset === subset) ?? told?.destination;
    const rows = before === undefined ? [] : subsetRows(destination, before);
    return rows.map((row) => (subset === undefined ? row : { ...row, text: `${subset} ${row.text}` }));
  });
  return [
    ...(gone.length === 0 ? [] : [rowOf(`without rule ${gone.join(', ')}`)]),
    ...routeRows(port, told),
    ...values,
  ];
}

function rulesOf({ routes, connections = [] }: Partial<OutboundPort> = {}): readonly string[] {
  return [...(routes ?? []), ...connections].map((rule) => JSON.stringify(rule));
}
