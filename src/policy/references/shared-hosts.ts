import type { ServiceEntryObject } from '../../model/policy.ts';
import type { Service } from '../../model/service.ts';
import { canonicalHost, isVisible, plainHost } from '../hosts.ts';
import { ofKind, placeOf, type ReferenceScope, relatedTo, reportAt } from './reference-scope.ts';
import { anyNamespace, isSeen } from './rule-clients.ts';
import { objectNamed } from './scope-index.ts';

interface Declared {
  readonly object: ServiceEntryObject;
  readonly host: string;
  readonly field: string;
}

/**
 * WEFT0185 as a warning: a host that several namespaces declare, for clients of others without a Sidecar that chooses (P8), and a
 * ServiceEntry with the name of a Service of another namespace, which goes before it (P4).
 */
export function checkSharedHosts(scope: ReferenceScope): void {
  const chooses = choosing(scope);
  const byHost = new Map<string, Declared[]>();
  const entries = [...ofKind(scope, 'ServiceEntry')].sort((a, b) => (a.namespace < b.namespace ? -1 : 1));
  for (const object of entries) {
    for (const [index, written] of object.spec.hosts.entries()) {
      const one = { object, host: plainHost(written), field: `spec.hosts[${index}]` };
      if (checkNameOfService(scope, one)) continue;
      const others = byHost.get(one.host) ?? [];
      const first = others.find((other) => meetElsewhere(other.object, object, chooses));
      if (first) reportTwin(scope, first, one);
      byHost.set(one.host, [...others, one]);
    }
  }
}

function reportTwin(scope: ReferenceScope, first: Declared, { object, host, field }: Declared): void {
  const spaces = [first.object.namespace, object.namespace].join(', ');
  const place = placeOf(first.object, first.field);
  const message = `host ${host} comes from several namespaces: ${spaces}`;
  const hint = `clients of others reach that of ${first.object.namespace} (${place}): limit exportTo, or name one in egress.hosts of a Sidecar`;
  const related = relatedTo(first.object, first.field, 'what they reach');
  reportAt(scope, 'WEFT0185', object, field, message, hint, { severity: 'warning', related });
}

/** Whether it is one, and of another namespace. */
function checkNameOfService(scope: ReferenceScope, { object, host, field }: Declared): boolean {
  const services = scope.byHost.get(fullName(host, scope.settings.dnsSuffix)) ?? [];
  const service = services.find(({ origin }) => origin !== 'entry');
  if (service === undefined || service.namespace === object.namespace) return false;
  const { exportTo } = object.spec;
  const clients = [service.namespace, anyNamespace, ...exportTo, ...service.exportTo];
  const isMet = clients.some(
    (client) => client !== object.namespace && isVisible(exportTo, object.namespace, client) && isSeen(service, client),
  );
  if (isMet) reportName(scope, { object, host, field }, service);
  return isMet;
}

function reportName(scope: ReferenceScope, { object, host, field }: Declared, { name, namespace }: Service): void {
  const written = objectNamed(scope, 'Service', namespace, name);
  const related = written && relatedTo(written, 'metadata.name', 'the Service');
  const message = `host ${host} is a name of Service ${name} of namespace ${namespace}, which goes before this`;
  const hint = `clients outside of ${object.namespace} never reach this by it: take another host, or set exportTo: ["."]`;
  reportAt(scope, 'WEFT0185', object, field, message, hint, { severity: 'warning', ...(related && { related }) });
}

/** The full name of the Service that P4 calls by this name. */
function fullName(host: string, dnsSuffix: string): string {
  const short = /^([^.]+)\.([^.]+)(?:\.svc)?$/.exec(host);
  return short ? `${short[1]}.${short[2]}.svc.${dnsSuffix}` : canonicalHost(host, dnsSuffix);
}

/** P7: the namespaces of which a Sidecar says for all workloads what is imported. */
function choosing(scope: ReferenceScope): (client: string) => boolean {
  const wide = new Map(
    ofKind(scope, 'Sidecar')
      .filter(({ spec }) => spec.workloadSelector === undefined)
      .map(({ namespace, spec }) => [namespace, spec.egress !== undefined]),
  );
  return (client) => wide.get(client) ?? wide.get(scope.settings.rootNamespace) ?? false;
}

/** P6: whether clients of a third namespace see both, and nothing chooses for them. */
function meetElsewhere(a: ServiceEntryObject, b: ServiceEntryObject, chooses: (client: string) => boolean): boolean {
  if (a.namespace === b.namespace) return false;
  return [anyNamespace, ...a.spec.exportTo, ...b.spec.exportTo].some(
    (client) =>
      client !== a.namespace &&
      client !== b.namespace &&
      !chooses(client) &&
      [a, b].every(({ spec, namespace }) => isVisible(spec.exportTo, namespace, client)),
  );
}
