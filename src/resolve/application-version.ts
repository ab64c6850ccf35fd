import type { Inbound } from '../model/ir-inbound.ts';
import type { Protocol, ServiceEntryObject, ServiceObject } from '../model/policy.ts';
import { provenance } from '../model/policy-provenance.ts';
import type { NodePort, Proxy } from '../model/proxy.ts';
import { selects } from '../model/selector.ts';
import { isHttp } from '../model/service.ts';
import { hostCovers, plainHost, resolveHost, serviceHost } from '../policy/hosts.ts';
import { servedBy } from './inbound-protocol.ts';
import type { MeshDefaults } from './mesh-defaults.ts';
import type { Selected } from './mutual-tls.ts';
import type { PolicyIndex } from './policy-index.ts';
import { hasSelector, selectorOf } from './policy-index.ts';
import { upgrades } from './upgrades.ts';

/**
 * Where a DestinationRule (or the default of MeshConfig) makes clients speak HTTP/2 (`h2UpgradePolicy: UPGRADE`) to a port that is not declared so, its program still
 * hears HTTP/1: what the clients' proxies speak among themselves is no business of its own. Else it hears what each caller speaks (R2).
 */
export function applicationVersion(
  index: PolicyIndex,
  settings: Pick<MeshDefaults, 'dnsSuffix' | 'trafficPolicy' | 'httpVersion'>,
  services: readonly (ServiceObject | ServiceEntryObject)[],
  proxy: Proxy,
  workload: Selected,
  port: NodePort,
  protocol: Protocol,
): Inbound['httpVersion'] {
  if (!isHttp(protocol) || protocol === 'http2' || protocol === 'grpc') return undefined;
  const { trafficPolicy, httpVersion } = settings;
  if (httpVersion) return { value: 'http1', by: httpVersion.by };
  if (trafficPolicy?.value.connectionPool?.http?.h2Upgrade === true)
    return { value: 'http1', by: provenance(trafficPolicy.object, `${trafficPolicy.path}.connectionPool`) };
  if (index.upgradingRules.length === 0) return undefined;
  const called = calledAs(settings, services, proxy, workload, port);
  const rule = index.upgradingRules.find((object) => {
    const host = resolveHost(object.spec.host, object.namespace, settings.dnsSuffix);
    return called.some((each) => hostCovers(host, each.host) && upgrades(object, each.port));
  });
  return rule && { value: 'http1', by: provenance(rule, 'spec') };
}

interface Called {
  readonly host: string;
  readonly port: number;
}

/** The hosts and service ports that lead to a workload port: those of the services that select the workload, and of its implied one. */
function calledAs(
  { dnsSuffix }: Pick<MeshDefaults, 'dnsSuffix'>,
  services: readonly (ServiceObject | ServiceEntryObject)[],
  proxy: Proxy,
  workload: Selected,
  port: NodePort,
): readonly Called[] {
  const implied = { host: serviceHost(proxy.service, proxy.namespace, dnsSuffix), port: port.port };
  const declared = services.flatMap((object) => {
    const selector = selectorOf(object);
    if (!hasSelector(selector) || !selects(selector, workload.labels)) return [];
    const hosts =
      object.kind === 'Service'
        ? [serviceHost(object.name, object.namespace, dnsSuffix)]
        : object.spec.hosts.map(plainHost);
    return object.spec.ports
      .filter((each) => servedBy(each, proxy.ports)?.port === port.port)
      .flatMap((each) => hosts.map((host) => ({ host, port: each.port })));
  });
  return [implied, ...declared];
}
