import { randomUUID } from 'node:crypto';
import { resolve } from 'node:path';
import type { Logger } from 'pino';
import { startAdminServer } from '../admin/admin-server.ts';
import type { AdminSource } from '../admin/admin-source.ts';
import type { TokenStore } from '../ca/token-store.ts';
import type { Mesh } from '../model/mesh.ts';
import type { Proxy } from '../model/proxy.ts';
import type { Readable } from '../model/readable.ts';
import { type Clock, systemClock } from '../model/state-store.ts';
import type { JoinCredential } from '../registry/join-claims.ts';
import { openFileStore } from '../store/file-store.ts';
import { lockStateDir } from '../store/lock.ts';
import { generatedRefusal } from '../translate/generated-fault.ts';
import { createXdsServer, type XdsServer } from '../xds/create-xds-server.ts';
import type { ServerTiming } from '../xds/server-options.ts';
import { createAdminValues } from './admin-values.ts';
import { createAuditLog } from './audit-log.ts';
import { createStreamAudit, withCallsAudited } from './audit-streams.ts';
import { auditPublished, withWritesAudited } from './audit-writes.ts';
import { createForesight } from './callers-of-last-hour.ts';
import { callersPending } from './callers-pending.ts';
import { createCredentialCheck, standingOf } from './credential-check.ts';
import { endRefusedStreams } from './end-refused-streams.ts';
import { grantedHosts } from './granted-hosts.ts';
import { createHealthDesk } from './health-desk.ts';
import { createHeardOfProxies } from './heard-of-proxies.ts';
import { createIdentityService } from './identity-service.ts';
import { createStreamLog } from './log-stream-event.ts';
import { createMembershipService } from './membership-service.ts';
import { createMeshSource } from './mesh-source.ts';
import { createMetricsEndpoint } from './metrics-endpoint.ts';
import { offerAgain } from './offer-again.ts';
import { ownAddresses } from './own-addresses.ts';
import type { PolicyState } from './policy-source.ts';
import { portFailure } from './port-failure.ts';
import { createProxySecrets } from './proxy-secrets.ts';
import { createProxySessions } from './proxy-sessions.ts';
import { createProxySnapshots, type ProxySnapshots } from './proxy-snapshots.ts';
import { createRevisionTable } from './revision-table.ts';
import { createRunningParts } from './running-parts.ts';
import { meshSettings, type Settings } from './settings.ts';
import { startFacts } from './start-facts.ts';
import { startIdentity } from './start-identity.ts';
import { keepOutOfGit, tellAddresses } from './state-dir-files.ts';
import { createTrustDesk } from './trust-desk.ts';

export interface ControlPlane {
  readonly xdsPort: number;
  readonly adminPort: number;
  readonly policies: Readable<PolicyState>;
  readonly mesh: Readable<Mesh | undefined>;
  readonly tokens: TokenStore;
  /** PEM of the roots, and the fingerprint (SHA-256, hex) that tokens carry. */
  readonly rootPem: string;
  readonly fingerprint: string;
  readonly snapshots: ProxySnapshots;
  /** The connected proxies. */
  proxies(): readonly Proxy[];
  /** The same values that the admin API shows. */
  readonly values: AdminSource;
  /** Looks at the policy repository now instead of at the next poll. */
  refreshPolicies(): Promise<void>;
  /** Stops everything, in the reverse order of the start; nothing that proxies hold is withdrawn. */
  close(): Promise<void>;
}

/**
 * Starts the control plane: the parts below read as the diagram of house.md section 1. Throws Failure for a state dir that is in use or
 * not private (WEFT0904, WEFT0905), a port in use (WEFT0910), state that does not belong together (WEFT0908).
 */
export async function startControlPlane(options: {
  readonly settings: Settings;
  readonly logger: Logger;
  readonly version: string;
  readonly envoyVersion: string;
  readonly clock?: Clock;
  /** Where the times of section 8 of xds-protocol.md shall be others: tests wait less. */
  readonly timing?: Partial<ServerTiming>;
}): Promise<ControlPlane> {
  const { logger, clock = systemClock } = options;
  const { values: set, folder } = options.settings;
  const settings = meshSettings(options.settings);
  const stateDir = resolve(folder, set.stateDir);
  const parts = createRunningParts();
  const onFailure = (error: unknown, what: string) =>
    logger.error({ component: 'control-plane', err: error, what }, 'a part failed; what it made before stays in force');

  try {
    // What survives.
    const lock = await lockStateDir(stateDir);
    parts.add(() => lock.release());
    const store = openFileStore(stateDir);
    keepOutOfGit(stateDir);

    const audit = createAuditLog({
      folder: stateDir,
      clock,
      onProblem: (problem) => logger.error({ component: 'audit', problem }, 'the audit log cannot be written'),
    });
    parts.add(() => audit.close());
    const identity = await startIdentity({ store, clock, settings: set, folder, parts, audit, logger });
    const { authority, svids, tokens, credentials } = identity;
    const foresight = createForesight();
    const facts = await startFacts({
      store,
      clock,
      settings: options.settings,
      mesh: settings,
      parts,
      onFailure,
      foresee: foresight.foresee,
      letIn: foresight.known,
      expected: () => grantedHosts(tokens, settings),
      onSecretProblem: (problem) =>
        logger.warn(
          { component: 'control-plane', ...problem },
          'a named secret cannot be used; what it held before stays in force',
        ),
    });
    const { policies, registry, joined } = facts;
    parts.add(auditPublished(policies.state, audit));
    const check = createCredentialCheck(identity);

    // Mesh → snapshots.
    const mesh = createMeshSource({
      settings,
      policies: facts.served,
      registry,
      localPorts: facts.localPorts,
      roots: authority.roots,
      clock,
      quiet: set['push.quiet'],
      longest: set['push.longest'],
      onFailure: (error) => onFailure(error, 'mesh'),
    });
    parts.add(() => mesh.stop());
    const snapshots = createProxySnapshots({
      mesh,
      secrets: createProxySecrets(authority, svids, onFailure, {
        named: facts.secrets,
        systemRootsFile: set['secrets.systemRoots'],
      }),
      onFailure,
    });
    parts.add(() => snapshots.stop());

    // Snapshots → streams, and what comes back.
    const standing = (credential: JoinCredential) => standingOf(credential, tokens);
    const sessions = createProxySessions({
      joined,
      snapshots,
      check: standing,
      refused: () => xds.quarantine(),
      clock,
    });
    const heard = createHeardOfProxies({ workloads: joined.workloads, settings, snapshots, mesh, logger, clock });
    const { traffic, failing } = heard;
    foresight.begin({ mesh, traffic, sessions, clock });
    const replica = `cp-${randomUUID().slice(0, 8)}`;
    const healthDesk = createHealthDesk({
      groups: facts.groups,
      health: facts.health,
      workloadOf: (id) => joined.workloads.get().get(id),
      clock,
    });
    const trustDesk = createTrustDesk(authority, svids, set['ca.acceptFormer'].length > 0);
    const logStream = createStreamLog(logger, clock);
    const auditStreams = createStreamAudit(audit);
    const xds: XdsServer<JoinCredential> = await createXdsServer<JoinCredential>({
      address: set['xds.address'],
      port: set['xds.port'],
      credentials,
      identifier: replica,
      connection: { maxAge: set['xds.maxConnectionAge'] },
      timing: options.timing,
      authenticate: check,
      open: sessions.open,
      virtualHosts: 'all',
      inspect: generatedRefusal,
      observe: (event) => {
        sessions.observe(event);
        logStream(event);
        auditStreams(event);
        if (event.kind === 'failed') onFailure(event.error, `call of ${event.node ?? event.peer}`);
      },
      // Without one the server has its own, which counts on when the machine's is set (F22).
      ...(options.clock === undefined ? {} : { clock: options.clock }),
      handlers: withCallsAudited(audit, check, [
        ...createMembershipService({
          healthDesk,
          trustDesk,
          check,
          joined,
          publish: mesh.publish,
          status: (id) => values.proxies().find(({ name, namespace }) => `${name}.${namespace}` === id),
          addresses: (workload) => ownAddresses(mesh.get(), workload),
          callersPending: (leaving) => callersPending(xds.status(), snapshots, leaving),
          clock,
        }),
        ...createIdentityService({
          stores: identity,
          check,
          desk: identity.desk,
          joined,
          trustDomain: settings.trustDomain,
          roots: () => authority.bundle.get().roots,
          audit,
          clock,
        }),
        createMetricsEndpoint({
          check,
          proxy: (id) => sessions.sessions().get(id)?.proxy,
          record: heard.record,
          probed: healthDesk.probed,
        }),
      ]),
    }).catch(async (error: unknown) => {
      throw await portFailure(error, 'xds', set['xds.address'], set['xds.port']);
    });
    parts.add(() => xds.close());
    parts.add(tokens.watch(() => endRefusedStreams(xds, standing)));

    const revisions = createRevisionTable(policies.state, () =>
      [...sessions.sessions()].flatMap(([id, { acknowledgedCommit }]) => [
        acknowledgedCommit,
        snapshots.of(id)?.commit ?? acknowledgedCommit,
      ]),
    );
    parts.add(revisions.stop);
    const shown = createAdminValues({
      version: { server: options.version, envoy: options.envoyVersion, replica },
      settings: options.settings,
      policies,
      revisions,
      mesh,
      registry,
      sessions,
      streams: xds.status,
      quarantine: xds.quarantine,
      release: (resource) => offerAgain(xds, resource),
      snapshots,
      traffic,
      failing,
      tokens,
      audit,
      authority,
      svids,
      trustDesk,
      joined,
      health: () => ({ ...facts.health.counts(), refused: healthDesk.refused() }),
      localPorts: facts.localPorts,
      clock,
    });
    const values = withWritesAudited(shown, audit);
    const admin = await startAdminServer(values, {
      address: set['admin.address'],
      port: set['admin.port'],
      loopbackReads: set['admin.loopbackReads'],
      logger,
      audit,
    }).catch(async (error: unknown) => {
      throw await portFailure(error, 'admin', set['admin.address'], set['admin.port']);
    });
    parts.add(() => admin.close());
    await tellAddresses(store, { api: admin.port, xds: xds.port, host: set['xds.address'] });

    return {
      xdsPort: xds.port,
      adminPort: admin.port,
      policies: policies.state,
      mesh,
      tokens,
      get rootPem() {
        return authority.bundle.get().roots.join('');
      },
      get fingerprint() {
        return identity.fingerprint();
      },
      snapshots,
      proxies: () => [...sessions.sessions().values()].map(({ proxy }) => proxy),
      values,
      refreshPolicies: policies.refresh,
      close: parts.stop,
    };
  } catch (error) {
    // What went wrong first is what the user must hear.
    await parts.stop().catch((also: unknown) => onFailure(also, 'stopping after a failed start'));
    throw error;
  }
}
