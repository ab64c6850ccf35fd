import type { OutboundService } from '../model/ir.ts';
import type { EgressAddress, EgressListener, EgressTarget } from '../model/ir-egress.ts';
import type { MeshSettings } from '../model/mesh.ts';
import type { SidecarObject } from '../model/policy.ts';
import { provenance } from '../model/policy-provenance.ts';
import { isHttp, layerOf, type ServiceKey } from '../model/service.ts';
import type { SidecarEgress, SidecarListener } from '../model/sidecar-policy.ts';
import { listenerPort, namesOne } from '../policy/imports.ts';
import type { Imported } from './imports.ts';
import { serviceNames } from './service-names.ts';

/** The explicit listeners of a Sidecar (P8), over the ports as they were resolved for its clients. */
export function egressListeners(
  sidecar: SidecarObject,
  imported: Imported,
  services: readonly OutboundService[],
  settings: MeshSettings,
  namespace: string,
): readonly EgressListener[] {
  const byKey = new Map(services.map((service) => [service.service, service]));
  return (sidecar.spec.egress ?? []).flatMap((entry, index): EgressListener[] => {
    const { listener } = entry;
    if (listener === undefined) return [];
    const by = provenance(sidecar, `spec.egress[${index}].port`);
    const targets = targetsOf(entry, listener, imported, byKey, settings, namespace);
    const single = namesOne(entry.hosts);
    return [
      {
        at: { value: addressOf(listener), by },
        protocol: listener.protocol,
        single,
        // Bytes say no name: they go to one service, which the check tells where there are several (WEFT0140).
        targets: layerOf(listener.protocol) === 'tcp' || single ? targets.slice(0, 1) : targets,
      },
    ];
  });
}

function addressOf(listener: SidecarListener): EgressAddress {
  if (listener.kind === 'socket') return { kind: 'socket', path: listener.path };
  return { kind: 'port', port: listener.port, ...(listener.bind !== undefined && { address: listener.bind }) };
}

function targetsOf(
  entry: SidecarEgress,
  listener: SidecarListener,
  imported: Imported,
  byKey: ReadonlyMap<ServiceKey, OutboundService>,
  settings: MeshSettings,
  namespace: string,
): readonly EgressTarget[] {
  const imports = imported.byEntry.get(entry) ?? [];
  const names = serviceNames(
    imports.map(({ service }) => service),
    settings,
    namespace,
  );
  return imports.flatMap((each): EgressTarget[] => {
    const chosen = listenerPort(listener, each);
    if (chosen === undefined || chosen === 'unclear') return [];
    if (isHttp(listener.protocol) && !isHttp(chosen.protocol)) return [];
    const port = byKey.get(each.service.key)?.ports.find((other) => other.port === chosen.number);
    return port === undefined ? [] : [{ names: names.get(each.service.key) ?? [], port }];
  });
}
