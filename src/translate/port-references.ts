import type { OutboundPort } from '../model/ir.ts';
import type { Destination } from '../model/ir-destination.ts';
import type { ForwardAction } from '../model/ir-route.ts';
import { remember, rememberWith } from '../model/remember.ts';
import type { ResourceReference } from '../xds/resource.ts';
import { connectionClusters } from './connection-chains.ts';
import { toCluster } from './envoy-resource.ts';
import { clusterName } from './names.ts';

const none: readonly ResourceReference[] = [];

/** Every cluster that the routes of a port name (X91): the same list for ports that name the same, and have the same destinations. */
export const portReferences = remember((port: OutboundPort): readonly ResourceReference[] => {
  const forwards = port.routes.map(({ action }) => action).filter((action) => action.kind === 'forward');
  const names = [...connectionClusters(port), ...forwards.flatMap(namedBy).map(clusterName)];
  return referencesTo(port.destinations, [...new Set(names)].sort().join('\n'));
});

const referencesTo = rememberWith((_: readonly Destination[], names: string): readonly ResourceReference[] =>
  names === '' ? none : names.split('\n').map(toCluster),
);

function namedBy({ destinations, mirrors }: ForwardAction) {
  const named = [
    ...destinations.map(({ destination }) => destination),
    ...mirrors.map(({ value }) => value.destination),
  ];
  // What is not there is waited for by nobody, and keeps no cluster that was.
  return named.filter(({ missing }) => missing !== true);
}
