import { isIP } from 'node:net';
import type { Inbound, ProgramAddress } from '../model/ir-inbound.ts';
import type { SidecarObject } from '../model/policy.ts';
import { provenance } from '../model/policy-provenance.ts';
import type { Decided, Provenance } from '../model/provenance.ts';
import type { NodePort, Proxy } from '../model/proxy.ts';
import type { SidecarIngress } from '../model/sidecar-policy.ts';

/** A port of a program, where its callers connect, and the entry of a Sidecar about it, if there is one. */
export interface InboundPort {
  readonly port: NodePort;
  readonly listen: Inbound['listen'];
  readonly entry?: IngressEntry;
}

export interface IngressEntry {
  readonly ingress: SidecarIngress;
  /** In `spec.ingress`. */
  readonly position: number;
  readonly by: Provenance;
  /** Of its defaultEndpoint. */
  readonly programBy: Provenance;
}

/**
 * The ports that a proxy stands before: those that it declared, as an ingress of their number changes them, and those that only an ingress
 * names: nothing leads their callers to another port, so it is the proxy's own. Where the program already listens there, or another
 * port's callers connect there, the entry acts on nothing.
 */
export function inboundPorts(proxy: Proxy, sidecar: SidecarObject | undefined): readonly InboundPort[] {
  const entries = (sidecar?.spec.ingress ?? []).map((ingress, position) => ({ ingress, position }));
  const entryOf = (ingress: SidecarIngress, position: number) =>
    sidecar && {
      ingress,
      position,
      by: provenance(sidecar, `spec.ingress[${position}]`),
      programBy: provenance(sidecar, `spec.ingress[${position}].defaultEndpoint`),
    };
  const declared = proxy.ports.map((port): InboundPort => {
    const found = entries.find(({ ingress }) => ingress.port === port.port);
    const listen = { address: found?.ingress.bind ?? proxy.inboundBind, port: port.inbound };
    const entry = found && entryOf(found.ingress, found.position);
    return { port, listen, ...(entry && { entry }) };
  });
  const further = entries
    .filter(({ ingress }) => !proxy.ports.some(({ port }) => port === ingress.port))
    .flatMap(({ ingress, position }): InboundPort[] => {
      const listen = { address: ingress.bind ?? proxy.inboundBind, port: ingress.port };
      const entry = entryOf(ingress, position);
      if (entry === undefined || declared.some((other) => meet(other.listen, listen))) return [];
      const at = programAddress(entry, proxy, undefined)?.value ?? {
        kind: 'address' as const,
        address: proxy.applicationAddress,
        port: ingress.port,
      };
      if (at.kind === 'address' && meet(at, listen)) return [];
      return [{ port: { port: ingress.port, inbound: ingress.port }, listen, entry }];
    });
  return [...declared, ...further];
}

/** Whether two cannot both be listened at. */
function meet(a: Inbound['listen'], b: Inbound['listen']): boolean {
  const all = ({ address }: Inbound['listen']) => address === '0.0.0.0' || address === '::';
  return a.port === b.port && (a.address === b.address || all(a) || all(b));
}

/** Where an ingress says that the program is; `known` is the address by which callers know the workload. Undefined: it does not say. */
export function programAddress(
  { ingress, programBy: by }: IngressEntry,
  proxy: Pick<Proxy, 'applicationAddress'>,
  known: string | undefined,
): Decided<ProgramAddress> | undefined {
  const { endpoint } = ingress;
  if (endpoint === undefined) return undefined;
  const at = (address: string, port: number): Decided<ProgramAddress> => ({
    value: { kind: 'address', address, port },
    by,
  });
  switch (endpoint.kind) {
    case 'socket':
      return { value: endpoint, by };
    case 'loopback':
      // Several programs with one port may share a machine: each has a loopback address of its own (docs/decisions/07).
      return at(proxy.applicationAddress, endpoint.port);
    case 'loopback-v6':
      return at('::1', endpoint.port);
    case 'workload':
      return at(known !== undefined && isIP(known) !== 0 ? known : proxy.applicationAddress, endpoint.port);
    default:
      return endpoint satisfies never;
  }
}
