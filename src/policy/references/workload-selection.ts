import { isIP } from 'node:net';
import { compareText } from '../../model/compare-text.ts';
import type { Labels, Policy, ServiceObject } from '../../model/policy.ts';
import { selects } from '../../model/selector.ts';
import { isSocket } from '../../model/socket-path.ts';
import { isEndpointFor, onlyClaims, type Workload } from '../../model/workload.ts';
import { canonicalHost, resolveHost } from '../hosts.ts';
import { having } from './having.ts';
import { labelHint, ofKind, placeOf, type ReferenceScope, relatedTo, reportAt } from './reference-scope.ts';
import { groupBy, workloadsIn } from './scope-index.ts';
import { portsUsed, selected, selecting } from './service-workloads.ts';
import { checkTargets } from './target-ports.ts';

/** WEFT0127: a selector of what acts on workloads. */
export function checkSelector(scope: ReferenceScope, object: Policy): void {
  const selection = selectorOf(object);
  if (!selection || !scope.workloads) return;
  const reached = workloadsInReach(scope, object);
  // Whoever claims a label may bind itself by it; to become an endpoint takes more.
  if (object.kind === 'ServiceEntry' && reportClaims(scope, 'WEFT0127', object, selection, reached)) return;
  const selected = having(reached, selection.labels);
  if (object.kind === 'ServiceEntry' && object.spec.resolution === 'DNS_ROUND_ROBIN') {
    const [called, ...others] = selected
      .filter((workload) => isEndpointFor(selection.labels, workload))
      .toSorted((a, b) => compareText(a.id, b.id));
    if (called !== undefined && others.length > 0) {
      const message = `selects ${others.length + 1} workloads; resolution DNS_ROUND_ROBIN has one endpoint, ${called.id}: the others have no effect`;
      reportAt(scope, 'WEFT0132', object, selection.field, message, 'set resolution: DNS, or select one');
    }
  }
  if (selected.length > 0) return;
  const hint = labelHint(selection.labels, reached);
  reportAt(scope, 'WEFT0127', object, selection.field, 'selector matches no workload', hint);
}

interface Selection {
  readonly labels: Labels;
  readonly field: string;
}

function selectorOf(object: Policy): Selection | undefined {
  if (
    object.kind === 'PeerAuthentication' ||
    object.kind === 'AuthorizationPolicy' ||
    object.kind === 'RequestAuthentication'
  ) {
    const { selector } = object.spec;
    return selector && { labels: selector, field: 'spec.selector' };
  }
  if (object.kind !== 'ServiceEntry' && object.kind !== 'DestinationRule' && object.kind !== 'Sidecar')
    return undefined;
  const { workloadSelector } = object.spec;
  return workloadSelector && { labels: workloadSelector, field: 'spec.workloadSelector' };
}

/** P38, P49: an AuthorizationPolicy or RequestAuthentication of the root namespace acts on every namespace, other objects on their own. */
export function workloadsInReach(scope: ReferenceScope, object: Policy): readonly Workload[] {
  const reaches = object.kind === 'AuthorizationPolicy' || object.kind === 'RequestAuthentication';
  const everywhere = reaches && object.namespace === scope.settings.rootNamespace;
  return (everywhere ? scope.workloads : workloadsIn(scope, object.namespace)) ?? [];
}

/** WEFT0205: a Service that selects nobody. */
export function checkService(scope: ReferenceScope, service: ServiceObject): void {
  const own = workloadsIn(scope, service.namespace);
  const message = `service ${service.name} has no workload`;
  if (Object.keys(service.spec.selector).length === 0) {
    const hint = 'add spec.selector with the labels of its workloads';
    reportAt(scope, 'WEFT0205', service, 'spec', message, hint);
  } else if (own) {
    const selection = { labels: service.spec.selector, field: 'spec.selector' };
    if (reportClaims(scope, 'WEFT0205', service, selection, own)) return;
    const workloads = selected(service, own);
    if (workloads.length > 0) checkTargets(scope, service, workloads);
    else reportAt(scope, 'WEFT0205', service, selection.field, message, labelHint(selection.labels, own));
  }
}

/** EDS leaves out a WorkloadEntry that has a name only, DNS one that is a socket; told at the entry. */
export function checkNamedAddresses(scope: ReferenceScope): void {
  const services = [
    ...ofKind(scope, 'Service').map((object) => ({ object, selector: object.spec.selector, resolves: false })),
    ...ofKind(scope, 'ServiceEntry').flatMap((object) => {
      const { resolution, workloadSelector: selector = {} } = object.spec;
      const resolves = resolution === 'DNS' || resolution === 'DNS_ROUND_ROBIN';
      return resolves || resolution === 'STATIC' ? [{ object, selector, resolves }] : [];
    }),
  ].filter(({ selector }) => Object.keys(selector).length > 0);
  const byNamespace = groupBy(services, ({ object }) => object.namespace);
  for (const entry of ofKind(scope, 'WorkloadEntry')) {
    const { address } = entry.spec;
    if (isIP(address) !== 0) continue;
    const socket = isSocket(address);
    // Both kinds of labels count; those of the metadata win (section 2).
    const labels = { ...entry.spec.labels, ...entry.labels };
    const own = byNamespace.get(entry.namespace) ?? [];
    const choosing = own.find(({ selector, resolves }) => resolves === socket && selects(selector, labels));
    if (!choosing) continue;
    const { name } = choosing.object;
    const message = `service ${name} cannot use this workload: its address ${JSON.stringify(address)} is a ${socket ? 'socket' : 'name'}`;
    const hint = socket
      ? `set resolution: STATIC in ServiceEntry ${name}`
      : 'write its IP address, or choose it in a ServiceEntry with resolution: DNS';
    reportAt(scope, 'WEFT0205', entry, 'spec.address', message, hint);
  }
}

/** Tells which workload has the labels of a selector and is yet no endpoint, as its token grants none of them. False: there is none. */
function reportClaims(
  scope: ReferenceScope,
  code: 'WEFT0127' | 'WEFT0205',
  object: Policy,
  { labels, field }: Selection,
  reached: readonly Workload[],
): boolean {
  const claiming = having(reached, labels).filter((workload) => onlyClaims(labels, workload));
  const [first] = claiming;
  if (first === undefined) return false;
  const claimed = Object.entries(labels).map(([key, value]) => `${key}=${value}`);
  const others = claiming.length === 1 ? '' : ` (and ${claiming.length - 1} more)`;
  const message = `workload ${first.id}${others} claims ${claimed.join(', ')}, its token does not grant it: it is no endpoint here`;
  const grant = `weft token create --service ${first.service} -n ${first.namespace} --label ${claimed.join(' --label ')}`;
  reportAt(scope, code, object, field, message, `if it belongs here, join it with a token of ${grant}`);
  return true;
}

/** P30: one workload port, two protocols. Each pair of ports is told once. */
export function checkSharedPorts(scope: ReferenceScope): void {
  const services = selecting(ofKind(scope, 'Service'), ofKind(scope, 'ServiceEntry'));
  const told = new Set<string>();
  for (const workload of scope.workloads ?? []) {
    const uses = portsUsed(services, workload);
    uses.forEach((use, index) => {
      const rival = uses.slice(0, index).find((other) => other.port === use.port && other.protocol !== use.protocol);
      if (!rival?.by || !use.by) return;
      const key = [rival.by, use.by]
        .map(({ service, field }) => `${service.kind}/${service.namespace}/${service.name}/${field}`)
        .join(' ');
      if (told.has(key)) return;
      told.add(key);
      const message = `workload port ${use.port} is ${rival.protocol} for ${rival.by.service.name}, ${use.protocol} for ${use.by.service.name}`;
      const hint = `give both one protocol; other: ${placeOf(rival.by.service, rival.by.field)}`;
      const related = relatedTo(rival.by.service, rival.by.field, rival.protocol);
      reportAt(scope, 'WEFT0184', use.by.service, use.by.field, message, hint, { related });
    });
  }
}

/** One host of one namespace has one definition, by whichever of its names (P3). */
export function checkHostTwins(scope: ReferenceScope): void {
  const seen = new Map<string, { object: Policy; field: string }>();
  const hosts = scope.policies.flatMap((object): { object: Policy; field: string; host: string }[] => {
    if (object.kind === 'Service') {
      return [
        { object, field: 'metadata.name', host: resolveHost(object.name, object.namespace, scope.settings.dnsSuffix) },
      ];
    }
    return object.kind === 'ServiceEntry'
      ? object.spec.hosts.map((written, index) => {
          const host = canonicalHost(written, scope.settings.dnsSuffix);
          return { object, field: `spec.hosts[${index}]`, host };
        })
      : [];
  });
  for (const { object, field, host } of hosts) {
    const key = `${object.namespace}/${host}`;
    const first = seen.get(key);
    if (!first) seen.set(key, { object, field });
    else {
      const related = relatedTo(first.object, first.field, 'first here');
      const message = `host ${JSON.stringify(host)} is defined twice in namespace ${object.namespace}`;
      reportAt(scope, 'WEFT0011', object, field, message, `other: ${placeOf(first.object, first.field)}`, { related });
    }
  }
}
