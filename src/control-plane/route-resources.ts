import type { View } from '../model/ir.ts';
import type { Destination, DestinationRef } from '../model/ir-destination.ts';
import type { XdsType } from '../model/status.ts';
import type { CallDecision } from '../resolve/route-decision.ts';
import {
  clusterName,
  egressName,
  proxyHostName,
  proxyName,
  servicePortName,
  unknownHostsName,
} from '../translate/names.ts';
import { secretNamesOf } from '../translate/translate-secrets.ts';
import { destinationOf } from './call-decisions.ts';

/** Under which names a proxy holds what decides a call, by type: on each way that a program may take to its sidecar. */
export type DecidingNames = Readonly<Partial<Record<XdsType, ReadonlySet<string>>>>;

/** The resources that a decision went into: the rules, the listeners that lead to them, and the clusters that they choose from. */
export function decidingNames(view: View, decision: CallDecision): DecidingNames {
  switch (decision.kind) {
    case 'refused':
      return {};
    case 'unknown':
      return namesOf([unknownHostsName], [unknownHostsName], []);
    case 'request':
    case 'connection': {
      const { port } = decision.called;
      const asked = (view.listeners ?? []).filter(({ targets }) =>
        targets.some((target) => isSame(target.port.destination.ref, port.destination.ref)),
      );
      const name = servicePortName(port.destination.ref);
      const listeners = [name, ...asked.map(({ at }) => egressName(at.value))];
      const refs = destinationsOf(decision);
      const secrets = refs.flatMap((ref) => secretsOf(destinationOf(view, ref)));
      return { ...namesOf([name], refs.map(clusterName), listeners), SDS: new Set(secrets) };
    }
    default:
      return decision satisfies never;
  }
}

type Ref = Parameters<typeof servicePortName>[0];

function isSame(left: Ref, right: Ref): boolean {
  return left.service === right.service && left.port === right.port;
}

/** `hosts`: as they stand behind HTTP_PROXY. */
function namesOf(hosts: readonly string[], clusters: readonly string[], listeners: readonly string[]): DecidingNames {
  return {
    LDS: new Set([...listeners, proxyName]),
    RDS: new Set([...listeners, proxyName]),
    VHDS: new Set(hosts.map(proxyHostName)),
    CDS: new Set(clusters),
    EDS: new Set(clusters),
  };
}

/** What is called without its secret fails in the handshake, whatever else is held. */
function secretsOf(destination: Destination | undefined): readonly string[] {
  return destination === undefined ? [] : secretNamesOf(destination);
}

function destinationsOf(
  decision: Extract<CallDecision, { kind: 'request' | 'connection' }>,
): readonly DestinationRef[] {
  const { route } = decision;
  if (route === undefined) return [];
  if (!('action' in route)) return route.destinations.map(({ destination }) => destination);
  if (route.action.kind !== 'forward') return [];
  const { destinations, mirrors } = route.action;
  return [...destinations, ...mirrors.map(({ value }) => value)].map(({ destination }) => destination);
}
