import { layerOf, type Service, type ServicePort } from '../../model/service.ts';

const underTls = 'use tls rules, or begin TLS in the sidecar: protocol HTTP here, and a DestinationRule with tls';

/** What to write where rules of a layer are for these ports: a Service says appProtocol, a ServiceEntry protocol. */
export function declareLayer(services: readonly Service[], layer: ReturnType<typeof layerOf>): string {
  if (layer === 'tcp') return 'write http rules for HTTP, tls rules for TLS';
  const areEntries = services.length > 0 && services.every(({ origin }) => origin === 'entry');
  if (layer === 'tls')
    return `set ${areEntries ? 'protocol: TLS' : 'appProtocol: tls'} where it is TLS that the mesh does not open`;
  if (areEntries && services.every(({ ports }) => ports.every(isTls))) return underTls;
  return declareHttp(services);
}

/** How a port is declared as HTTP. */
export function declareHttp(services: readonly Service[]): string {
  const areEntries = services.length > 0 && services.every(({ origin }) => origin === 'entry');
  return `set ${areEntries ? 'protocol: HTTP' : 'appProtocol: http'} where it is HTTP`;
}

/** TLS that callers begin: the sidecar does not see requests in it. */
export function isTls({ protocol }: Pick<ServicePort, 'protocol'>): boolean {
  return layerOf(protocol) === 'tls';
}
