import type { HealthCheckObject } from '../../model/policy.ts';
import { isHttp, type Service } from '../../model/service.ts';
import { isWildcardHost, resolveHost } from '../hosts.ts';
import { declareHttp } from './declare-layer.ts';
import { areAway, hadPort, type ReferenceScope, reportAt, reportAway, reportNoService } from './reference-scope.ts';
import { servicesCovered } from './scope-index.ts';

/** What a HealthCheck names: its host (WEFT0174), its port (WEFT0113), and that this is one that its probe fits (WEFT0136, a warning). */
export function checkHealthCheck(scope: ReferenceScope, check: HealthCheckObject): void {
  if (!scope.services) return;
  const { host: written, port } = check.spec;
  const host = resolveHost(written, check.namespace, scope.settings.dnsSuffix);
  const services = servicesCovered(scope, host, true);
  if (services.length === 0) {
    reportNoService(scope, 'WEFT0174', check, 'spec.host', written, 'warning');
    return;
  }
  if (areAway(scope, services)) reportAway(scope, 'WEFT0174', check, 'spec.host', written, services);
  const ports = services.flatMap((service) => service.ports.map(({ number }) => number));
  if (port !== undefined && !ports.includes(port)) {
    const isAway = services.some((service) => hadPort(scope, service, port));
    const message = isAway
      ? `no workload of ${written} with port ${port} is here now`
      : `${written} has no port ${port}`;
    const hint = `ports: ${[...new Set(ports)].join(', ') || 'none'}`;
    reportAt(scope, 'WEFT0113', check, 'spec.port', message, hint, isAway ? { severity: 'warning' } : {});
  }
  checkProtocol(scope, check, services);
  if (services.every(({ resolution }) => resolution === 'request')) {
    const message = `host ${JSON.stringify(written)} has no endpoints that could be checked: each request brings its own`;
    reportAt(scope, 'WEFT0174', check, 'spec.host', message, 'remove the check, or give the ServiceEntry a resolution');
  }
}

/** Requests are for ports that are declared to have some; a port that is named is asked whatever it is (section 7). */
function checkProtocol(scope: ReferenceScope, check: HealthCheckObject, services: readonly Service[]): void {
  const { host, port, probe } = check.spec;
  if (probe.kind === 'tcp') return;
  const ports = services.flatMap((service) => service.ports);
  const asked = ports.filter(({ number }) => port === undefined || number === port);
  if (asked.length === 0 || asked.some(({ protocol }) => isHttp(protocol))) return;
  // Without a registry nobody knows which other services a wildcard covers.
  if (isWildcardHost(host) && !scope.workloads) return;
  const instead = `${declareHttp(services)}, or write tcp: {}`;
  const declared = [...new Set(asked.map(({ number, protocol }) => `${number}: ${protocol}`))].join(', ');
  const message =
    port === undefined
      ? `${probe.kind} check meets no such port of ${host}: nothing is checked`
      : `${probe.kind} check asks a port of ${host} that is not declared as HTTP`;
  reportAt(scope, 'WEFT0136', check, `spec.${probe.kind}`, message, `ports: ${declared}; ${instead}`, {
    severity: 'warning',
  });
}
