import type { OutboundPort, OutboundService } from './ir.ts';
import { isHttp } from './service.ts';

/**
 * The hosts by which requests behind HTTP_PROXY mean a port of a service (E22): each name with the port and, on the port that a URL
 * without one means, the bare names. That is 80, else the service's only HTTP port.
 */
export function proxyDomains(service: OutboundService, port: OutboundPort): readonly string[] {
  const http = service.ports.filter((candidate) => isHttp(candidate.protocol));
  const meant = http.find((candidate) => candidate.port === 80) ?? (http.length === 1 ? http[0] : undefined);
  const full = service.names.map((name) => `${name}:${port.port}`);
  return port === meant ? [...full, ...service.names] : full;
}
