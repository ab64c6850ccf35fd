import type { HealthProbe } from '../model/health-check.ts';
import type { HealthCheckDecision } from '../model/ir-destination.ts';
import type { MeshSettings } from '../model/mesh.ts';
import type { HealthCheckObject } from '../model/policy.ts';
import { provenance } from '../model/policy-provenance.ts';
import type { Decided } from '../model/provenance.ts';
import type { Service, ServicePort } from '../model/service.ts';
import { isHttp } from '../model/service.ts';
import { plainHost } from '../policy/hosts.ts';
import type { PolicyIndex } from './policy-index.ts';
import { coveringHosts } from './policy-index.ts';

const noChecks: readonly HealthCheckObject[] = [];

/**
 * The checks that clients of a namespace make of a service, searched as DestinationRules are (P20): the client's namespace, the
 * service's, the root namespace; in each the most specific host; the first that has one ends the search. The list keeps its identity.
 */
export function chooseHealthChecks(
  index: PolicyIndex,
  settings: MeshSettings,
  service: Service,
  clientNamespace: string,
): readonly HealthCheckObject[] {
  const host = plainHost(service.host);
  for (const namespace of new Set([clientNamespace, service.namespace, settings.rootNamespace])) {
    for (const checks of coveringHosts(index.healthChecks.get(namespace), host)) return checks;
  }
  return noChecks;
}

/**
 * What is checked on one port: by those that name it, or else by those that name none and whose probe fits its protocol. An endpoint is
 * healthy if it passes them all.
 */
export function healthCheckDecisions(
  checks: readonly HealthCheckObject[],
  port: ServicePort,
): readonly Decided<HealthCheckDecision>[] {
  const named = checks.filter(({ spec }) => spec.port === port.number);
  const acting =
    named.length > 0 ? named : checks.filter(({ spec }) => spec.port === undefined && fits(spec.probe, port));
  return acting.map((object) => {
    const { interval, timeout, unhealthyAfter, healthyAfter, probe } = object.spec;
    const name = { namespace: object.namespace, name: object.name };
    return {
      value: { ...name, interval, timeout, unhealthyAfter, healthyAfter, probe },
      by: provenance(object, 'spec'),
    };
  });
}

/** A connection comes to be on any port; the others speak HTTP. */
function fits(probe: HealthProbe, port: ServicePort): boolean {
  return probe.kind === 'tcp' || isHttp(port.protocol);
}
