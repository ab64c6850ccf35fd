import { compareText } from '../model/compare-text.ts';
import type { MeshSettings } from '../model/mesh.ts';
import type { Labels, PolicySet } from '../model/policy.ts';
import type { NodePort } from '../model/proxy.ts';
import { selects } from '../model/selector.ts';
import { isHttp, type ServiceKey } from '../model/service.ts';
import type { Workload } from '../model/workload.ts';
import { authorizationPolicies, resolveAuthorization } from './authorization.ts';
import { inboundProtocol } from './inbound-protocol.ts';
import type { Door } from './let-in-anew.ts';
import { type MeshDefaults, meshDefaults } from './mesh-defaults.ts';
import { mutualTlsMode, peerPolicies } from './mutual-tls.ts';
import { indexPolicies, type PolicyIndex, selectorOf } from './policy-index.ts';
import { selecting } from './selecting.ts';

/** Policies with what is found in them without walking. */
export interface PolicySide {
  readonly policies: PolicySet;
  readonly settings: MeshDefaults;
  readonly index: PolicyIndex;
}

export function sideOf(policies: PolicySet, settings: MeshSettings): PolicySide {
  const defaults = meshDefaults({ policies, settings });
  return { policies, settings: defaults, index: indexPolicies(policies, defaults) };
}

/** Workloads that policies cannot tell apart, with a sidecar before them. */
export interface CalledPlace {
  /** As windows name it. */
  readonly name: string;
  readonly namespace: string;
  readonly labels: Labels;
  /** Those that somebody has; undefined: whoever has these labels, with whatever ports. */
  readonly ports: readonly NodePort[] | undefined;
}

/** The workloads that are known, replicas once. */
export function knownPlaces(workloads: Iterable<Workload>): readonly CalledPlace[] {
  const places = new Map<string, CalledPlace>();
  for (const { name, service = name, namespace, labels, ports: written } of workloads) {
    const ports = written.map(({ endpointPort: inbound, ...port }) => ({ ...port, inbound }));
    const key = JSON.stringify([
      service,
      namespace,
      labels,
      ports.map(({ name: of, port, protocol }) => [of, port, protocol]),
    ]);
    if (!places.has(key))
      places.set(key, {
        name: `${service}.${namespace}`,
        namespace,
        labels,
        ports: ports.length === 0 ? undefined : ports,
      });
  }
  return [...places.values()].sort((a, b) => compareText(a.name, b.name));
}

/** Whoever may join later: in a namespace one without labels, and one for each selector of a policy of either side. */
export function possiblePlaces(sides: readonly PolicySide[], namespace: string): readonly CalledPlace[] {
  const selectors = sides.flatMap(({ index, settings }) =>
    [...new Set([namespace, settings.rootNamespace])].flatMap((of) => [
      ...(index.authorizationPolicies.get(of) ?? []).map(({ spec }) => spec.selector),
      ...(index.peerAuthentications.get(of) ?? []).map(({ spec }) => spec.selector),
      ...(index.requestAuthentications.get(of) ?? []).map(({ spec }) => spec.selector),
    ]),
  );
  const texts = new Map([{}, ...selectors].map((labels = {}) => [labelsText(labels), labels]));
  return [...texts].map(([text, labels]) => ({
    name: `${text === '' ? 'any workload' : `workloads with ${text}`} of ${namespace}`,
    namespace,
    labels,
    ports: undefined,
  }));
}

function labelsText(labels: Labels): string {
  return Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .sort(compareText)
    .join(',');
}

/** All that decides who is let in at a place, in order. */
export function actingAt({ index, settings }: PolicySide, place: CalledPlace): readonly object[] {
  const peers = peerPolicies(index, settings, place);
  const own = index.selectingServices.get(place.namespace) ?? [];
  return [
    settings,
    ...authorizationPolicies(index, settings, place),
    ...peers.selecting,
    ...peers.namespace,
    ...peers.root,
    ...authenticationsAt({ index, settings }, place),
    ...(place.ports === undefined ? [] : selecting(own, place.labels, selectorOf)),
  ];
}

function authenticationsAt({ index, settings }: Pick<PolicySide, 'index' | 'settings'>, place: CalledPlace) {
  return [...new Set([settings.rootNamespace, place.namespace])].flatMap((namespace) =>
    selecting(index.requestAuthentications.get(namespace) ?? [], place.labels, ({ spec }) => spec.selector),
  );
}

/** A port of a place, where requests are seen or only bytes. */
export interface PlacePort {
  readonly port: NodePort;
  readonly http: boolean;
}

/**
 * The ports at which two sides are compared, as the second has them: those of the place, with their protocol; else those that policies name and one that they do not.
 * Whether TCP counts where nobody is known (`bytes`) is for the asker to say.
 */
export function portsAt(
  sides: readonly PolicySide[],
  place: CalledPlace,
  bytes: boolean,
): readonly (readonly PlacePort[])[] {
  if (place.ports !== undefined) {
    return place.ports.map((port) => sides.map((side) => ({ port, http: seesRequests(side, place, port) })));
  }
  const named = sides.flatMap((side) => {
    const acting = authorizationPolicies(side.index, side.settings, place).flatMap(({ spec }) => spec.rules);
    return [
      ...acting.flatMap(({ to }) => to.flatMap(({ ports, notPorts }) => [...ports, ...notPorts])),
      ...acting.flatMap(({ when }) =>
        when.flatMap(({ key, values, notValues }) =>
          key === 'destination.port' ? [...values, ...notValues].map(Number) : [],
        ),
      ),
      ...peerPolicies(side.index, side.settings, place).selecting.flatMap(({ spec }) =>
        Object.keys(spec.portLevelMtls).map(Number),
      ),
    ];
  });
  const numbers = new Set(named);
  const other = [80, 8080, 9080, 65_535].find((port) => !numbers.has(port)) ?? 65_534;
  return [other, ...numbers].flatMap((number) => {
    const port = { port: number, inbound: number };
    return (bytes ? [true, false] : [true]).map((http) => sides.map(() => ({ port, http })));
  });
}

/** A port that is looked at (P28) sees what comes. */
function seesRequests(
  { index, settings }: PolicySide,
  { namespace, labels, ports = [] }: CalledPlace,
  port: NodePort,
): boolean {
  const services = selecting(index.selectingServices.get(namespace) ?? [], labels, selectorOf);
  const protocol = inboundProtocol(services, labels, ports, port, settings);
  return isHttp(protocol) || protocol === 'auto';
}

/** What stands before a port of a place. */
export function doorAt({ index, settings }: PolicySide, place: CalledPlace, { port, http }: PlacePort): Door {
  const policies = authorizationPolicies(index, settings, place);
  const names = new Set(policies.flatMap(({ spec }) => (spec.action === 'CUSTOM' ? [spec.provider] : [])));
  const provider =
    names.size === 1 ? settings.authorizers.find(({ value }) => names.has(value.name))?.value : undefined;
  // Who answers, and whether it is there, is no matter of who may be asked about.
  const ref = {
    service: '' as ServiceKey,
    namespace: '',
    name: '',
    host: provider?.service ?? '',
    port: provider?.port ?? 0,
  };
  return {
    mtls: mutualTlsMode(peerPolicies(index, settings, place), port.port),
    authorization: resolveAuthorization(settings, policies, port.port, http, provider && { ...provider, ref }),
    tokens: http ? authenticationsAt({ index, settings }, place).flatMap(({ spec }) => spec.rules) : [],
  };
}

/** Whether somebody is known who is such a place. */
export function isKnownAmong(places: readonly CalledPlace[], { namespace, labels }: CalledPlace): boolean {
  return places.some((known) => known.namespace === namespace && selects(labels, known.labels));
}
