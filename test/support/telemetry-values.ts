import { spiffeId } from '../../src/model/identity.ts';
import type { Proxy } from '../../src/model/proxy.ts';
import { createCell } from '../../src/model/readable.ts';
import { createDirectory } from '../../src/telemetry/directory.ts';
import type { Tags } from '../../src/telemetry/metrics-service.ts';
import type { Directory } from '../../src/telemetry/series.ts';
import { destinationOfCluster } from '../../src/translate/names.ts';
import { settings } from './registry-values.ts';

export const principal = (service: string) =>
  spiffeId({ trustDomain: settings.trustDomain, namespace: 'shop', serviceAccount: service });

export function proxy(name: string, service: string, labels: Proxy['labels'] = {}): Proxy {
  return {
    id: `${name}.shop`,
    name,
    namespace: 'shop',
    service,
    labels: { app: service, ...labels },
    identity: principal(service),
    ports: [],
    inboundBind: '0.0.0.0',
    applicationAddress: '127.0.0.1',
    capture: { bind: '127.0.0.1', ports: false },
    envoyVersion: '1.40.0',
  };
}

/** A directory that knows no workload: accounts stand for services. */
export const noDirectory: Directory = createDirectory(createCell(new Map()), destinationOfCluster, settings);

/** Tags of a call as the caller's sidecar counts it. */
export function outbound(service: string, over: Tags = {}): Tags {
  return {
    reporter: 'source',
    destination_cluster: `out_shop_${service}_9080`,
    peer_principal: principal(service),
    response_code: '200',
    response_flags: '-',
    ...over,
  };
}

/** Tags of a call as the callee's sidecar counts it; `caller` is empty for one outside. */
export function inbound(caller: string, over: Tags = {}): Tags {
  const peer = caller === '' ? '' : principal(caller);
  return { reporter: 'destination', peer_principal: peer, response_code: '200', response_flags: '-', ...over };
}
