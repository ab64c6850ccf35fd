import type { AdminSource } from '../admin/admin-source.ts';
import { notReady } from '../admin/envelope.ts';
import type { Mesh } from '../model/mesh.ts';
import type { Readable } from '../model/readable.ts';
import type { Clock } from '../model/state-store.ts';
import type { TrafficStore } from '../telemetry/traffic-store.ts';
import type { StreamStatus } from '../xds/status.ts';
import type { LostFor } from './authorization-answer.ts';
import { authorizationCaller } from './authorization-caller.ts';
import { calledProxiesOf } from './called-proxies.ts';
import type { FailingQuestions } from './failing-questions.ts';
import { withHeldOut } from './held-out.ts';
import { readiness } from './policy-readiness.ts';
import type { PolicySource } from './policy-source.ts';
import type { ProxySessions } from './proxy-sessions.ts';
import type { ProxySnapshots } from './proxy-snapshots.ts';
import type { Refusals } from './refused-resources.ts';
import type { RevisionTable } from './revision-table.ts';
import { answerRoute } from './route-answer.ts';
import { withAuthorization } from './route-authorization.ts';
import { callerOf } from './route-caller.ts';
import { type ConnectedProxies, proxiesOf } from './route-proxies.ts';

/** `GET /api/v1/route`: what is decided for a call, and how far the caller's proxies have it, read at the moment of the question. */
export function createRouteWindow(of: {
  readonly mesh: Readable<Mesh | undefined>;
  readonly policies: PolicySource;
  readonly sessions: ProxySessions;
  readonly streams: () => readonly StreamStatus<unknown>[];
  readonly snapshots: ProxySnapshots;
  readonly refusals: () => Refusals;
  readonly revisions: RevisionTable;
  /** The commit that a proxy holds. */
  readonly revisionOf: (proxyId: string) => string;
  readonly lostFor: LostFor;
  readonly failing: FailingQuestions;
  readonly troubles: TrafficStore['troubles'];
  readonly clock: Clock;
}): AdminSource['route'] {
  return (question) => {
    const mesh = of.mesh.get();
    if (mesh === undefined) throw notReady(readiness(of.policies, of.mesh));
    const caller = callerOf(mesh, question);
    const routed = answerRoute(mesh, caller, question);
    const { service } = mesh.workloads.get(`${caller.name}.${caller.namespace}`) ?? {};
    const troubles = of.troubles(0, of.clock.now());
    const answer = withAuthorization(
      service === undefined || question.from === undefined
        ? routed
        : withHeldOut(routed, { name: service, namespace: caller.namespace }, troubles),
      mesh,
      authorizationCaller(mesh, question, () => caller),
      question,
      (id) => of.sessions.sessions().get(id)?.proxy,
      { ...of, now: of.clock.now() },
    );
    const newest = new Map(of.streams().map((stream) => [stream.node.id, stream]));
    const { history } = of.policies.state.get();
    const connected: ConnectedProxies = {
      proxies: [...of.sessions.sessions().values()].map(({ proxy }) => proxy),
      streamOf: (proxyId) => newest.get(proxyId),
      snapshotOf: of.snapshots.of,
      refusals: of.refusals(),
      commitsOf: (proxyId) => [of.revisionOf(proxyId), ...history.map(({ commit }) => commit)],
      policiesOf: of.revisions.of,
      now: of.clock.now(),
    };
    const proxies = proxiesOf(mesh, caller, question, connected);
    const called = calledProxiesOf(answer, connected);
    const who = question.from ?? `a caller in ${question.namespace}`;
    const nobody = `no proxy of ${who} is connected: this is what one would be told`;
    return { ...answer, notes: proxies.connected === 0 ? [...answer.notes, nobody] : answer.notes, proxies, called };
  };
}
