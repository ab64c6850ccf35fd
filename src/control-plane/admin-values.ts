import type { AdminSource, VersionInfo } from '../admin/admin-source.ts';
import type { Authority } from '../ca/authority.ts';
import { trustedRoots } from '../ca/root-rotation.ts';
import type { SvidSource } from '../ca/svid-source.ts';
import { accountOf } from '../ca/token-record.ts';
import type { TokenStore } from '../ca/token-store.ts';
import { spiffeId } from '../model/identity.ts';
import type { Mesh } from '../model/mesh.ts';
import type { Readable } from '../model/readable.ts';
import type { Clock } from '../model/state-store.ts';
import type { PolicyPlace, PolicyStatus, RevisionStatus } from '../model/status.ts';
import type { JoinCredential } from '../registry/join-claims.ts';
import type { JoinedProxies } from '../registry/joined-proxies.ts';
import type { LocalPorts } from '../registry/local-ports.ts';
import type { RegistryState } from '../registry/registry.ts';
import { edgesOf } from '../telemetry/edges.ts';
import { meshMetrics } from '../telemetry/mesh-metrics.ts';
import type { TrafficStore } from '../telemetry/traffic-store.ts';
import type { QuarantineEntry } from '../xds/quarantine.ts';
import type { Resource } from '../xds/resource.ts';
import type { StreamStatus } from '../xds/status.ts';
import type { AuditLog } from './audit-log.ts';
import { createAuthorizationWindow } from './authorization-window.ts';
import { certificateReport } from './certificate-report.ts';
import { createCommitOrder } from './commit-order.ts';
import { configDump } from './config-dump.ts';
import { controlPlaneMetrics, type HealthFigures } from './control-plane-metrics.ts';
import type { FailingQuestions } from './failing-questions.ts';
import { allFindings } from './generated-finding.ts';
import { heldOutByProxies } from './held-out.ts';
import { policyPlace } from './policy-place.ts';
import { readiness } from './policy-readiness.ts';
import type { PolicySource } from './policy-source.ts';
import { createPolicyWindows } from './policy-windows.ts';
import type { ProxySessions } from './proxy-sessions.ts';
import type { ProxySnapshots } from './proxy-snapshots.ts';
import { isRolling, proxyStatus, type StatusContext, streamOf, streamReport } from './proxy-status.ts';
import { heldInstead, type Refusals, refusedResources } from './refused-resources.ts';
import type { RevisionTable } from './revision-table.ts';
import { createRootRotationDesk } from './root-rotation-desk.ts';
import { createRouteWindow } from './route-window.ts';
import type { Settings } from './settings.ts';
import { createTokenDesk } from './token-desk.ts';
import type { TrustDesk } from './trust-desk.ts';

/** Everything that the admin API shows, read from the running parts at the moment of the question. */
export function createAdminValues(parts: {
  readonly version: VersionInfo;
  readonly settings: Settings;
  readonly policies: PolicySource & Pick<AdminSource, 'knowledge'>;
  readonly revisions: RevisionTable;
  readonly mesh: Readable<Mesh | undefined>;
  readonly registry: Readable<RegistryState>;
  readonly joined: JoinedProxies;
  readonly health: () => HealthFigures;
  readonly localPorts: LocalPorts;
  readonly sessions: ProxySessions;
  readonly streams: () => readonly StreamStatus<JoinCredential>[];
  readonly quarantine: () => readonly QuarantineEntry[];
  readonly release: AdminSource['release'];
  readonly snapshots: ProxySnapshots;
  readonly traffic: TrafficStore;
  readonly failing: FailingQuestions;
  readonly tokens: TokenStore;
  readonly audit: AuditLog;
  readonly authority: Authority;
  readonly svids: SvidSource;
  readonly trustDesk: Pick<TrustDesk, 'notPinned'>;
  readonly clock: Clock;
}): AdminSource {
  const {
    version,
    settings,
    policies,
    revisions,
    mesh,
    registry,
    sessions,
    streams,
    quarantine,
    snapshots,
    traffic,
    tokens,
    audit,
    authority,
    svids,
    clock,
  } = parts;
  const trustDomain = settings.values.trustDomain;

  const refusals = (): Refusals => {
    const current = mesh.get();
    const { history } = policies.state.get();
    const commits = history.map(({ commit }) => commit);
    const places = new Map<Resource, PolicyPlace | undefined>();
    const entries = quarantine();
    const find = (resource: Resource): PolicyPlace | undefined => {
      const { typeUrl, name, version: content } = resource;
      const good = entries.find((each) => each.typeUrl === typeUrl && each.name === name && each.version === content);
      const place = current && policyPlace(resource, current, commits, good?.goodForm, revisions.before);
      const committedAt = history.find(({ commit }) => commit === place?.commit)?.time;
      return place && committedAt !== undefined ? { ...place, committedAt } : place;
    };
    return {
      entries,
      wanted: snapshots.wanted,
      placeOf(resource) {
        // Shared by all proxies of a view: looked for once in an answer.
        if (!places.has(resource)) places.set(resource, find(resource));
        return places.get(resource);
      },
    };
  };
  const statusContext = (): StatusContext => ({
    wanted: mesh.get()?.policies.commit ?? '',
    replica: version.replica,
    now: clock.now(),
    refusals: refusals(),
    workload: (id) => mesh.get()?.workloads.get(id),
    heldOut: heldOutByProxies(traffic, clock.now()),
  });

  const openStreams = (): ReadonlyMap<string, readonly StreamStatus<JoinCredential>[]> => {
    const open = new Map<string, StreamStatus<JoinCredential>[]>();
    for (const stream of streams()) open.set(stream.node.id, [...(open.get(stream.node.id) ?? []), stream]);
    return open;
  };
  const proxies: AdminSource['proxies'] = () => {
    const open = openStreams();
    const context = statusContext();
    return [...sessions.sessions()]
      .map(([id, session]) => proxyStatus(session, streamOf(session, open.get(id) ?? []), context))
      .sort((a, b) => (`${a.namespace}/${a.name}` < `${b.namespace}/${b.name}` ? -1 : 1));
  };

  const dumpOf: AdminSource['configDump'] = (proxyId) => {
    const snapshot = snapshots.of(proxyId);
    const stream = streams().findLast(({ node }) => node.id === proxyId);
    const known = refusals();
    return snapshot && configDump(snapshot, (resource) => stream && heldInstead(stream, resource, known));
  };
  const revisionOf = (proxyId: string): string => {
    const session = sessions.sessions().get(proxyId);
    return session === undefined
      ? ''
      : proxyStatus(session, streamOf(session, streams()), statusContext()).revision.serving;
  };
  const certificates = () =>
    certificateReport({ authority, svids, proxies: [...sessions.sessions().values()].map(({ proxy }) => proxy) });
  const edges = (windowMilliseconds: number) => edgesOf(traffic.recent(windowMilliseconds, clock.now()));

  const lostFor = (id: string) => {
    const since = parts.joined.lostSince(id);
    return since === undefined ? undefined : clock.now() - since;
  };
  const route = createRouteWindow({
    mesh,
    policies,
    sessions,
    streams,
    snapshots,
    refusals,
    revisions,
    revisionOf,
    lostFor,
    failing: parts.failing,
    troubles: traffic.troubles,
    clock,
  });
  return {
    version,
    windows: createPolicyWindows({
      mesh: mesh.get,
      proxies: () => new Map([...sessions.sessions()].map(([id, { proxy }]) => [id, proxy])),
      diagnostics: () => allFindings(policies.state.get(), refusals()),
      edges: () => edges(60_000),
      failing: parts.failing,
      now: clock.now,
      configDump: dumpOf,
      revisionOf,
      readiness: () => readiness(policies, mesh),
      revisions,
    }),
    route,
    authorization: createAuthorizationWindow({
      mesh,
      policies,
      proxyOf: (id) => sessions.sessions().get(id)?.proxy,
      certificates: () => certificates().certificates,
      route,
      edges: () => edges(60_000),
      troubles: traffic.troubles,
      failing: parts.failing,
      lostFor,
      clock,
    }),
    readiness: () => readiness(policies, mesh),
    authenticate(bearer) {
      const checked = tokens.check(bearer);
      // A token that is there to be spent is nobody's credential before that.
      if (!('ok' in checked) || checked.ok.uses !== undefined) return undefined;
      const { grant } = checked.ok;
      if (grant.role === 'operator') return { role: 'operator' };
      return { workload: spiffeId({ trustDomain, namespace: grant.namespace, serviceAccount: accountOf(grant) }) };
    },
    policies() {
      const state = policies.state.get();
      const known = refusals();
      const commit = state.served?.revision.commit;
      const live = sessions.sessions();
      // What a proxy that had the commit whole waits for is no part of it: endpoints come and go, certificates and roots are renewed.
      const hasIt = (id: string) => live.get(id)?.acknowledgedCommit === commit;
      const rolling = streams().some((stream) => !hasIt(stream.node.id) && isRolling(stream, known));
      const shown = (revision: RevisionStatus): RevisionStatus =>
        rolling && revision.commit === commit ? { ...revision, state: 'Rolling' } : revision;
      const { served, head } = state;
      const status: PolicyStatus = {
        repository: policies.location,
        ...(served ? { serving: shown(served.revision) } : {}),
        ...(head && head.commit !== served?.revision.commit ? { pending: head } : {}),
        objects: served?.policies.objects.length ?? 0,
        files: served?.files ?? 0,
      };
      return {
        status,
        history: state.history.map(shown),
        diagnostics: allFindings(state, known),
        ...(state.failure ? { failure: state.failure } : {}),
      };
    },
    includes: createCommitOrder(policies.location),
    mesh: mesh.get,
    proxies,
    streams() {
      const live = sessions.sessions();
      const context = statusContext();
      return streams().flatMap((stream) => {
        const session = live.get(stream.node.id);
        return session ? [streamReport(stream, session, context)] : [];
      });
    },
    refused() {
      const known = refusals();
      // Asked for every second: where nobody ever refused anything no stream is looked at.
      return known.entries.length === 0 && sessions.nacks().size === 0 ? [] : refusedResources(streams(), known);
    },
    release: parts.release,
    configDump: dumpOf,
    edges,
    meshMetrics: () => meshMetrics(traffic.totals(), version.server),
    metrics: () =>
      controlPlaneMetrics({
        policies: policies.state.get(),
        joined: parts.joined.status(),
        health: { ...parts.health(), unhealthy: unhealthyCount(mesh.get()) },
        overflow: traffic.overflow(),
        withoutLocalPort: parts.localPorts.exhausted(),
        nacks: sessions.nacks(),
        sent: sessions.sent(),
        refusals: refusals(),
      }),
    tokens: createTokenDesk(tokens, trustDomain, audit, (root) =>
      trustedRoots(authority.roots.get()).some(({ fingerprint }) => fingerprint === root),
    ),
    audit: audit.recent,
    certificates,
    rotation: createRootRotationDesk({
      authority,
      svids,
      live() {
        // Streams are looked at only while a rotation is under way.
        let open: ReadonlyMap<string, readonly StreamStatus<JoinCredential>[]> | undefined;
        return [...sessions.sessions().values()].map((session) => ({
          proxy: session.proxy,
          stream() {
            open ??= openStreams();
            return streamOf(session, open.get(session.proxy.id) ?? []);
          },
        }));
      },
      known: () => parts.joined.workloads.get().keys(),
      notPinned: parts.trustDesk.notPinned,
    }),
    settings: () => settings.origins,
    sources: () => registry.get().sources,
    knowledge: policies.knowledge,
    refreshPolicies: policies.refresh,
  };
}

function unhealthyCount(mesh: Mesh | undefined): number {
  return [...(mesh?.workloads.values() ?? [])].filter(({ health }) => health === 'unhealthy').length;
}
