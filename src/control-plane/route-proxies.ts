import type { Mesh } from '../model/mesh.ts';
import type { PolicySet } from '../model/policy.ts';
import type { Proxy } from '../model/proxy.ts';
import type { AnswerProxies, AnswerProxy, RouteQuestion } from '../model/route-answer.ts';
import type { XdsType } from '../model/status.ts';
import { decideCall } from '../resolve/route-decision.ts';
import { scopeKey, scopeOf } from '../resolve/scope.ts';
import { resolveView } from '../resolve/view.ts';
import type { Snapshot } from '../xds/snapshot.ts';
import type { StreamStatus, TypeStatus } from '../xds/status.ts';
import { offlineMesh } from './offline-mesh.ts';
import { smallMesh } from './prepare-view.ts';
import { resourcesOf } from './proxy-resources.ts';
import { staleAfter } from './proxy-status.ts';
import { notOffered, type Refusals } from './refused-resources.ts';
import { answerRoute, type RouteCaller } from './route-answer.ts';
import { type DecidingNames, decidingNames } from './route-resources.ts';
import { shortType, urlOf } from './xds-types.ts';

/** What is known of the connected proxies at the moment of a question. */
export interface ConnectedProxies {
  readonly proxies: readonly Proxy[];
  readonly streamOf: (proxyId: string) => StreamStatus<unknown> | undefined;
  readonly snapshotOf: (proxyId: string) => Snapshot | undefined;
  readonly refusals: Refusals;
  /** Commits of which the policies are kept: the one that a proxy acknowledged first, then the newest. */
  readonly commitsOf: (proxyId: string) => Iterable<string>;
  readonly policiesOf: (commit: string) => PolicySet | undefined;
  readonly now: number;
}

/**
 * Which of the caller's proxies do not hold what decides a call, what they hold instead, and what becomes of the call there: what is
 * decided is what proxies should do, and one that refused it goes on with what it took before (X38, X44).
 */
export function proxiesOf(
  mesh: Mesh,
  caller: RouteCaller,
  question: RouteQuestion,
  connected: ConnectedProxies,
): AnswerProxies {
  const scope = scopeOf(mesh, caller);
  const names = decidingNames(resolveView(mesh, scope), decideCall(mesh, scope, question));
  const asked = callersAmong(mesh, caller, question, connected.proxies);
  const otherwise = asked.flatMap((proxy) => {
    const whole: Omit<AnswerProxy, 'state'> = { proxy: proxy.id };
    const stream = connected.streamOf(proxy.id);
    const isBehind = connected.snapshotOf(proxy.id)?.commit !== mesh.policies.commit;
    if (isBehind || stream === undefined) return [{ ...whole, state: 'behind' as const }];
    const found = stream.types.flatMap((type) => heldOtherwise(proxy, type, names, connected));
    return found.map((each) => {
      const instead = each.held === undefined ? undefined : insteadAt(mesh, caller, question, proxy, each, connected);
      return instead === undefined ? each : { ...each, instead };
    });
  });
  return { connected: asked.length, otherwise };
}

/** The proxy of the workload that was named; of a service, or of nobody in particular, all for which the same is decided. */
function callersAmong(
  mesh: Mesh,
  caller: RouteCaller,
  { from }: RouteQuestion,
  proxies: readonly Proxy[],
): readonly Proxy[] {
  const id = `${caller.name}.${caller.namespace}`;
  const asked = from?.replace(/^proxy\//, '');
  if (asked === id || asked === caller.name) return proxies.filter((proxy) => proxy.id === id);
  const key = scopeKey(scopeOf(mesh, caller));
  const services = new Set([asked, `${asked}.${caller.namespace}`]);
  return proxies.filter(
    (proxy) =>
      (asked === undefined || services.has(`${proxy.service}.${proxy.namespace}`)) &&
      scopeKey(scopeOf(mesh, mesh.workloads.get(proxy.id) ?? proxy)) === key,
  );
}

/** What of some resources a proxy does not hold as its stream wants it. */
export function heldOtherwise(
  proxy: Proxy,
  type: TypeStatus,
  names: DecidingNames,
  { refusals, now }: ConnectedProxies,
): readonly AnswerProxy[] {
  const short = shortType(type.typeUrl);
  const deciding = short && names[short];
  if (deciding === undefined || deciding.size === 0) return [];
  const of = { proxy: proxy.id, type: short };
  const refused = notOffered(type, proxy.id, refusals).filter(({ resource }) => deciding.has(resource));
  const known = new Set(refused.map(({ resource }) => resource));
  const waiting = type.differing.filter(({ name, owed }) => owed && deciding.has(name) && !known.has(name));
  const { inFlightSince } = type;
  const silent = inFlightSince !== undefined && now - inFlightSince >= staleAfter;
  return [
    ...refused.map(({ resource, served, message, refusedBy, at, source }) => ({
      ...of,
      state: 'refused' as const,
      resource,
      ...(served === undefined ? {} : { held: served }),
      refusal: { message, by: refusedBy, at, ...(source === undefined ? {} : { source }) },
    })),
    ...waiting.map(({ name, version }) => ({
      ...of,
      state: 'waiting' as const,
      resource: name,
      ...(version === undefined ? {} : { held: version }),
    })),
    ...(silent ? [{ ...of, state: 'unanswered' as const }] : []),
  ];
}

/** The answer of the commit that the held form is of: by its policies exactly that form is made. */
function insteadAt(
  mesh: Mesh,
  caller: RouteCaller,
  question: RouteQuestion,
  proxy: Proxy,
  { type, resource, held }: AnswerProxy,
  { commitsOf, policiesOf }: ConnectedProxies,
): AnswerProxy['instead'] {
  // Endpoints come and go without any commit, and so do secrets.
  if (type === undefined || type === 'EDS' || type === 'SDS') return undefined;
  const { settings, localPorts, generation } = mesh;
  const joined = [...mesh.workloads].filter(([, { source }]) => source === 'proxy');
  const commits = [...new Set(commitsOf(proxy.id))];
  // Each look makes a whole mesh: of a large one only the likeliest is made.
  for (const commit of mesh.services.length > smallMesh ? commits.slice(0, 1) : commits) {
    const policies = policiesOf(commit);
    if (policies === undefined || policies === mesh.policies) continue;
    const older = offlineMesh({ policies, settings, joined, localPorts, generation });
    if (!makes(older, proxy, type, resource, held)) continue;
    const { outcome, status, route, by, clusters } = answerRoute(older, caller, question);
    return {
      commit,
      outcome,
      ...(status === undefined ? {} : { status }),
      ...(route === undefined ? {} : { route }),
      ...(by === undefined ? {} : { by }),
      clusters: clusters.map(({ cluster }) => cluster),
    };
  }
  return undefined;
}

function makes(mesh: Mesh, proxy: Proxy, type: XdsType, resource: string | undefined, version: string | undefined) {
  return resourcesOf(mesh, proxy).resources.some(
    (each) => each.typeUrl === urlOf[type] && each.name === resource && each.version === version,
  );
}
