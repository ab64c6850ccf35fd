import { randomUUID } from 'node:crypto';
import { isIP } from 'node:net';
import { resolve } from 'node:path';
import { status as grpcStatus } from '@grpc/grpc-js';
import type { Logger } from 'pino';
import { startAdminServer } from '../admin/admin-server.ts';
import type { AdminSource } from '../admin/admin-source.ts';
import { openAuthority } from '../ca/authority.ts';
import { createServerCertificateSource, createSvidSource } from '../ca/svid-source.ts';
import { openTokenStore, type TokenStore } from '../ca/token-store.ts';
import { Failure } from '../model/failure.ts';
import type { Mesh, MeshSettings } from '../model/mesh.ts';
import type { PolicySet } from '../model/policy.ts';
import type { Proxy } from '../model/proxy.ts';
import { createCell, type Readable } from '../model/readable.ts';
import { type Clock, systemClock } from '../model/state-store.ts';
import type { JoinCredential } from '../registry/join-claims.ts';
import { createJoinedProxies } from '../registry/joined-proxies.ts';
import { createLocalPorts } from '../registry/local-ports.ts';
import { createRegistry } from '../registry/registry.ts';
import { entryWorkloads } from '../registry/workload-entries.ts';
import { portState } from '../sidecar/port-owner.ts';
import { refusalText } from '../sidecar/refusal.ts';
import { openFileStore } from '../store/file-store.ts';
import { lockStateDir } from '../store/lock.ts';
import { createDirectory } from '../telemetry/directory.ts';
import { createTrafficStore } from '../telemetry/traffic-store.ts';
import { destinationOfCluster } from '../translate/names.ts';
import { createRotatingCredentials } from '../xds/rotating-credentials.ts';
import { startXdsServer, type XdsServer } from '../xds/server.ts';
import { createAdminValues } from './admin-values.ts';
import { createBearerCheck } from './bearer.ts';
import { callersPending } from './callers-pending.ts';
import { createTreeCheck } from './check-tree.ts';
import { createDebounce } from './debounce.ts';
import { createGitRepository } from './git-repository.ts';
import { createMembershipService } from './membership-service.ts';
import { createMeshSource } from './mesh-source.ts';
import { createMetricsEndpoint } from './metrics-endpoint.ts';
import { ensureOperatorToken } from './operator-token.ts';
import { type PolicyState, startPolicySource } from './policy-source.ts';
import { createProxySecrets } from './proxy-secrets.ts';
import { createProxySessions } from './proxy-sessions.ts';
import { createProxySnapshots, type ProxySnapshots } from './proxy-snapshots.ts';
import type { Settings } from './settings.ts';

export interface ControlPlane {
  readonly xdsPort: number;
  readonly adminPort: number;
  readonly policies: Readable<PolicyState>;
  readonly mesh: Readable<Mesh | undefined>;
  readonly tokens: TokenStore;
  /** PEM of the root, and its fingerprint (SHA-256, hex), which tokens carry. */
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
}): Promise<ControlPlane> {
  const { logger, clock = systemClock } = options;
  const { values: set, folder } = options.settings;
  const settings: MeshSettings = {
    trustDomain: set.trustDomain,
    dnsSuffix: set.dnsSuffix,
    rootNamespace: set.rootNamespace,
  };
  const stateDir = resolve(folder, set.stateDir);
  /** Undone in reverse order, at the end or when the start fails half-way. */
  const parts: (() => unknown)[] = [];
  const onFailure = (error: unknown, what: string) =>
    logger.error({ component: 'control-plane', err: error, what }, 'a part failed; what it made before stays in force');
  const stopAll = async () => {
    for (const stop of parts.splice(0).reverse()) await stop();
  };

  try {
    // What survives.
    const lock = await lockStateDir(stateDir);
    parts.push(() => lock.release());
    const store = openFileStore(stateDir);

    // Identity.
    const authority = await openAuthority({
      store,
      clock,
      trustDomain: set.trustDomain,
      allowShortLives: set['certificates.allowShortLives'],
    });
    parts.push(() => authority.dispose());
    const leaf = { authority, clock, ttl: set['certificates.leafLifetime'] };
    const svids = createSvidSource(leaf);
    parts.push(() => svids.dispose());
    const names = ['localhost', '127.0.0.1', set['xds.address'], ...set['xds.names']].filter(
      (name) => name !== '0.0.0.0',
    );
    const certificate = createServerCertificateSource({
      ...leaf,
      names: {
        dnsNames: names.filter((name) => isIP(name) === 0),
        ipAddresses: [...new Set(names.filter((name) => isIP(name) !== 0))],
      },
    });
    parts.push(() => certificate.dispose());
    const { fingerprint } = authority.info().root;
    const tokens = await openTokenStore({ store, clock, fingerprint });
    parts.push(() => tokens.dispose());
    await ensureOperatorToken(store, tokens);
    const check = createBearerCheck(tokens);

    // Who runs where, and what the policies say.
    const joined = createJoinedProxies({
      settings,
      clock,
      store,
      grace: set['registry.grace'],
      restoreGrace: set['registry.restoreGrace'],
    });
    parts.push(() => joined.close());
    await joined.restore();
    const localPorts = createLocalPorts(store, clock, {
      first: set['localPorts.base'],
      last: Math.min(set['localPorts.base'] + 9_999, 65_535),
    });
    parts.push(() => localPorts.flush());
    await localPorts.restore();
    const policies = await startPolicySource({
      repository: createGitRepository({
        location: resolve(folder, set['policy.repository']),
        path: set['policy.path'],
        workingTree: set['policy.workingTree'],
      }),
      check: createTreeCheck({
        settings,
        folders: set['policy.folders'],
        root: set['policy.path'],
        // Before anything has joined, the registry says nothing yet: what needs it is not held against the policies.
        joined: () => (joined.workloads.get().size > 0 ? joined.workloads.get() : undefined),
      }),
      store,
      pollMilliseconds: set['policy.poll'],
    });
    parts.push(() => policies.stop());
    const served = createCell<PolicySet | undefined>(policies.state.get().served?.policies);
    parts.push(policies.state.watch((state) => served.set(state.served?.policies)));
    const entries = entryWorkloads(
      {
        get: () => served.get() ?? noPolicies,
        watch: (onChange) => served.watch((now) => onChange(now ?? noPolicies)),
      },
      settings,
    );
    const registry = createRegistry([
      { name: 'files', workloads: entries },
      { name: 'proxies', workloads: joined.workloads },
    ]);
    parts.push(() => registry.close());
    const recheck = createDebounce(clock, 1_000, 10_000, policies.recheck);
    parts.push(
      () => recheck.stop(),
      registry.watch(() => recheck.signal()),
    );

    // Mesh → snapshots.
    const mesh = createMeshSource({
      settings,
      policies: served,
      registry,
      localPorts,
      clock,
      quiet: set['push.quiet'],
      longest: set['push.longest'],
    });
    parts.push(() => mesh.stop());
    const snapshots = createProxySnapshots({
      mesh,
      secrets: createProxySecrets(authority, svids, onFailure),
      onFailure,
    });
    parts.push(() => snapshots.stop());

    // Snapshots → streams, and what comes back.
    const sessions = createProxySessions({ joined, snapshots, clock });
    const directory = createDirectory(joined.workloads, destinationOfCluster, settings);
    const traffic = createTrafficStore(directory);
    const credentials = createRotatingCredentials({
      get: () => {
        const { certificateChain, privateKey } = certificate.get();
        return { certificateChain, privateKey: privateKey.expose() };
      },
      watch: (onChange) => certificate.watch(() => onChange()),
    });
    parts.push(() => credentials.close());
    const replica = `cp-${randomUUID().slice(0, 8)}`;
    const xds: XdsServer<JoinCredential> = await startXdsServer<JoinCredential>({
      address: set['xds.address'],
      port: set['xds.port'],
      credentials,
      identifier: replica,
      authenticate: ({ headers }) => check(headers.get('authorization') ?? []),
      open: sessions.open,
      observe: (event) => {
        sessions.observe(event);
        if (event.kind === 'refused')
          logger.warn({ component: 'xds', peer: event.peer, code: event.code }, event.message);
        if (event.kind === 'nacked')
          logger.warn({ component: 'xds', resources: event.names, type: event.typeUrl }, event.message);
        if (event.kind === 'failed') onFailure(event.error, `stream of ${event.peer}`);
      },
      clock,
      extraServices: [
        createMembershipService({
          check,
          joined,
          publish: mesh.publish,
          callersPending: (leaving) => callersPending(xds.status(), snapshots, leaving),
          clock,
        }),
        createMetricsEndpoint({
          check,
          proxy: (id) => sessions.sessions().get(id)?.proxy,
          record: (proxy, samples) => traffic.record(proxy, samples, clock.now()),
          onFailure,
        }),
      ],
    }).catch(async (error: unknown) => {
      throw await portFailure(error, 'xds', set['xds.address'], set['xds.port']);
    });
    parts.push(() => xds.close());
    parts.push(
      tokens.watch(() => {
        // Streams of a credential that is no longer good end now, with the words that a new attempt would get.
        for (const { principal } of xds.status()) {
          const refusal = tokens.standing(principal.tokenId);
          if (refusal === undefined) continue;
          const words = refusalText(new Failure(refusal.code, refusal.message, refusal.hint));
          xds.closeStreams(
            (stream) => stream.principal.tokenId === principal.tokenId,
            grpcStatus.UNAUTHENTICATED,
            words,
          );
        }
      }),
    );

    const values = createAdminValues({
      version: { server: options.version, envoy: options.envoyVersion, replica },
      settings: options.settings,
      policies,
      mesh,
      registry,
      sessions,
      streams: xds.status,
      snapshots,
      traffic,
      tokens,
      authority,
      svids,
      joined,
      clock,
    });
    const admin = await startAdminServer(values, {
      address: set['admin.address'],
      port: set['admin.port'],
      loopbackReads: set['admin.loopbackReads'],
      logger,
    }).catch(async (error: unknown) => {
      throw await portFailure(error, 'admin', set['admin.address'], set['admin.port']);
    });
    parts.push(() => admin.close());

    return {
      xdsPort: xds.port,
      adminPort: admin.port,
      policies: policies.state,
      mesh,
      tokens,
      rootPem: authority.bundle.get().roots.join(''),
      fingerprint,
      snapshots,
      proxies: () => [...sessions.sessions().values()].map(({ proxy }) => proxy),
      values,
      refreshPolicies: policies.refresh,
      close: stopAll,
    };
  } catch (error) {
    await stopAll();
    throw error;
  }
}

const noPolicies: PolicySet = { commit: '', objects: [] };

/** WEFT0910 for a port that cannot be had, with the process that has it; other errors stay what they are. */
async function portFailure(error: unknown, part: 'xds' | 'admin', address: string, port: number): Promise<unknown> {
  if (
    !(error instanceof Error) ||
    !['EADDRINUSE', 'EACCES', 'EADDRNOTAVAIL'].includes(String((error as NodeJS.ErrnoException).code))
  )
    return error;
  const state = await portState(address, port);
  const owner = state.kind === 'used' && state.owner ? ` by pid ${state.owner.pid} (${state.owner.name})` : '';
  const what =
    state.kind === 'refused'
      ? `${address}:${port} cannot be listened on: ${state.problem}`
      : `port ${port} is used${owner}`;
  return new Failure(
    'WEFT0910',
    what,
    `set ${part}.port in weft.yaml, or --port-base, or stop that process`,
    `${address}:${port}`,
  );
}
