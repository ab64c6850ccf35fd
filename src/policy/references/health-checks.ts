import type { HealthCheckObject } from '../../model/policy.ts';
import { resolveHost } from '../hosts.ts';
import { type ReferenceScope, reportAt, reportNoService } from './reference-scope.ts';
import { servicesCovered } from './scope-index.ts';

/** What a HealthCheck names: its host (WEFT0174) and its port (WEFT0113). */
export function checkHealthCheck(scope: ReferenceScope, check: HealthCheckObject): void {
  if (!scope.services) return;
  const { host: written, port } = check.spec;
  const host = resolveHost(written, check.namespace, scope.settings.dnsSuffix);
  const services = servicesCovered(scope, host, true);
  if (services.length === 0) {
    reportNoService(scope, 'WEFT0174', check, 'spec.host', written, 'warning');
    return;
  }
  const ports = services.flatMap((service) => service.ports.map(({ number }) => number));
  if (port !== undefined && !ports.includes(port)) {
    const message = `${written} has no port ${port}`;
    reportAt(scope, 'WEFT0113', check, 'spec.port', message, `ports: ${[...new Set(ports)].join(', ') || 'none'}`);
  }
  if (services.every(({ resolution }) => resolution === 'request')) {
    const message = `host ${JSON.stringify(written)} has no endpoints that could be checked: each request brings its own`;
    reportAt(scope, 'WEFT0174', check, 'spec.host', message, 'remove the check, or give the ServiceEntry a resolution');
  }
}
