import { randomUUID } from 'node:crypto';
import { rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Failure } from '../model/failure.ts';
import { type AdminAddress, type BootstrapOptions, createBootstrap } from './bootstrap.ts';
import { type ConnectionWatch, createConnectionWatch } from './connection-watch.ts';
import { type ControlPlaneClient, createControlPlaneClient } from './control-plane-client.ts';
import { ownSecretFile, ownSecretText } from './control-plane-cluster.ts';
import { deferred } from './deferred.ts';
import { createEnvoyAdmin, EnvoyAdminError } from './envoy-admin.ts';
import { createKnownControlPlane, fingerprintsOf, knownRootsFile, knownRootsText } from './known-roots.ts';
import { identityVersion, isOwnIdentity } from './own-identity.ts';
import { createProbeWatch } from './probe-watch.ts';
import { createRefusalWatch } from './refusal-watch.ts';
import type { RunEvent, SidecarState } from './run-event.ts';
import { type Exit, spawnLeashed } from './spawn-leashed.ts';
import { stopGracefully } from './stop-sequence.ts';
import { howItEnded, supervise } from './supervise.ts';
import { createTrustWatch } from './trust-watch.ts';

export interface SidecarOptions {
  readonly bootstrap: BootstrapOptions;
  /** A folder of this proxy alone (0700), for the bootstrap file and the admin socket. */
  readonly folder: string;
  /** Path of the Envoy to run. */
  readonly envoy: string;
  /** Worker threads; absent: Envoy's own choice, one for each core. */
  readonly concurrency?: number;
  /** Envoy's `--log-level`; diagnosis needs `info` or more detail (E4). */
  readonly logLevel?: 'trace' | 'debug' | 'info';
  /** Further flags of Envoy, last. */
  readonly envoyFlags?: readonly string[];
  readonly onEvent: (event: RunEvent) => void;
  /** Every line of Envoy's own log. */
  readonly onLog?: (line: string) => void;
  /** Every line that Envoy writes to its stdout: an access log that is to go there (D28). Absent: `onLog` gets them. */
  readonly onOutput?: (line: string) => void;
  /** Commands that a policy writes may be run here, as probes. */
  readonly allowsCommands?: boolean;
  /** For the stop sequence before Envoy's end, in milliseconds; 30 s if absent. */
  readonly stopLimit?: number;
  /** Hears of the roots (PEM) that speak for the control plane from now on. */
  readonly onRoots?: (rootPem: string) => void;
  /** The certificate of its own key is to be replaced now: its root is to go. */
  readonly renewIdentity?: () => void;
}

export interface Sidecar {
  /** Resolves when the sidecar is a working member; rejects with Failure when it never will be, or was stopped before. */
  readonly ready: Promise<void>;
  /** Resolves after `stop` or `kill`; rejects with Failure WEFT0913 when Envoy cannot be started at all. */
  readonly ended: Promise<void>;
  /** The process id of the present Envoy; undefined between two. */
  pid(): number | undefined;
  /** The graceful sequence of E35 and E37; a second call ends Envoy at once. Resolves when Envoy has ended. */
  stop(): Promise<void>;
  /** Ends Envoy at once, without a word to anybody. */
  kill(): Promise<void>;
}

const FAST_LOOK_MS = 50;
const CALM_LOOK_MS = 1_000;
const REFUSALS_DEADLINE_MS = 3_000;
const HEALTH_DEADLINE_MS = 3_000;
const TRUST_DEADLINE_MS = 3_000;

/**
 * Runs Envoy beside one workload: writes its bootstrap (0600), starts it on a leash, tells why it cannot connect (E4) and when it is ready,
 * starts it again when it crashed, stops it without a failed request. The caller holds the lock of the proxy (E8).
 */
export function startSidecar(options: SidecarOptions): Sidecar {
  const { folder } = options;
  const known = createKnownControlPlane(options.bootstrap.controlPlane);
  const rootsFile = join(folder, knownRootsFile);
  const bootstrap: BootstrapOptions = { ...options.bootstrap, controlPlane: known.address, rootsFile };
  let state: SidecarState = 'starting';
  const onEvent = (event: RunEvent): void => {
    state = event.state;
    options.onEvent(event);
    if (event.event === 'connected') {
      probes.connected();
      trust.connected();
    }
  };
  const admin = createEnvoyAdmin(bootstrap.admin);
  const ready = deferred<void>();
  // Whoever does not wait for it must not be ended by it.
  ready.promise.catch(() => undefined);
  const stopping = new AbortController();
  const hurry = new AbortController();
  let watch: ConnectionWatch | undefined;
  /** No connection stays behind: there is seldom anything to ask. */
  const asking = async <Answer>(ask: (client: ControlPlaneClient) => Promise<Answer>): Promise<Answer> => {
    const client = createControlPlaneClient(bootstrap.controlPlane, bootstrap.credential);
    return ask(client).finally(client.close);
  };
  const refusals = createRefusalWatch({
    ask: () => asking((client) => client.refusals(bootstrap.nodeId, REFUSALS_DEADLINE_MS)),
    onEvent: (event) => onEvent({ ...event, state }),
  });

  const trust = createTrustWatch({
    ask: () =>
      asking((client) =>
        client.trust(bootstrap.nodeId, fingerprintsOf(bootstrap.controlPlane.rootPem), TRUST_DEADLINE_MS),
      ),
    async take(rootPem) {
      if (rootPem === bootstrap.controlPlane.rootPem) return;
      await writePrivate(rootsFile, knownRootsText(rootPem));
      known.take(rootPem);
      options.onRoots?.(rootPem);
    },
    renew: () => options.renewIdentity?.(),
  });

  let healthClient: ControlPlaneClient | undefined;
  let shown = '';
  const probes = createProbeWatch({
    ask(report) {
      // A client shows the certificate, and believes the roots, that it was made with.
      const own = isOwnIdentity(bootstrap.credential) ? identityVersion(bootstrap.credential.identityFolder) : '';
      const now = `${own} ${bootstrap.controlPlane.rootPem}`;
      if (now !== shown) {
        healthClient?.close();
        healthClient = undefined;
        shown = now;
      }
      healthClient ??= createControlPlaneClient(bootstrap.controlPlane, bootstrap.credential);
      return healthClient.health(bootstrap.nodeId, report, HEALTH_DEADLINE_MS);
    },
    ground: {
      applicationAddress: bootstrap.metadata.applicationAddress ?? '127.0.0.1',
      allowsCommands: options.allowsCommands ?? false,
    },
    onEvent: (event) => onEvent({ ...event, state }),
  });

  const envoy = supervise({
    async start() {
      const metadata = { ...bootstrap.metadata, run: randomUUID() };
      const file = await writeBootstrap({ ...bootstrap, metadata }, folder);
      const fresh = createConnectionWatch({
        admin,
        where: `${bootstrap.controlPlane.host}:${bootstrap.controlPlane.port}`,
        needsCertificate: (bootstrap.metadata.ports ?? []).length > 0,
        startedAt: Date.now(),
        onEvent,
      });
      watch = fresh;
      const running = spawnLeashed(options.envoy, envoyArguments(options, file), (line, from) => {
        // Callers write parts of an access log, so nothing is read out of it.
        if (from === 'stdout') return (options.onOutput ?? options.onLog)?.(line);
        fresh.logLine(line);
        refusals.logLine(line);
        options.onLog?.(line);
      });
      onEvent({ event: 'envoy', state: 'connecting', pid: running.pid, admin: adminText(bootstrap.admin) });
      return running;
    },
    async follow(over) {
      let answered = false;
      while (!over.aborted) {
        const isReady = stopping.signal.aborted ? undefined : await look(watch);
        answered ||= isReady !== undefined;
        if (isReady === true) ready.resolve();
        await sleep(isReady === true ? CALM_LOOK_MS : FAST_LOOK_MS, undefined, { signal: over }).catch(() => undefined);
      }
      return answered;
    },
    onCrash: (exit, retryIn) => onEvent({ event: 'crashed', state: 'restarting', how: howItEnded(exit), retryIn }),
    neverStarted: (exit) => neverStarted(options.envoy, exit, watch?.lastWords()),
  });
  const ended = envoy.ended.finally(async () => {
    refusals.stop();
    probes.stop();
    trust.stop();
    healthClient?.close();
    await Promise.all([BOOTSTRAP_FILE, knownRootsFile].map((name) => rm(join(folder, name), { force: true })));
  });
  ended.catch((error: unknown) => ready.reject(error));

  async function stopOnce(): Promise<void> {
    stopping.abort();
    envoy.retire();
    refusals.stop();
    probes.stop();
    trust.stop();
    await stopGracefully({
      leave: (deadline) => asking((client) => client.leave(bootstrap.nodeId, deadline)),
      admin,
      terminate: () => envoy.end('SIGTERM'),
      onEvent,
      hurry: hurry.signal,
      limit: options.stopLimit ?? 30_000,
    });
  }

  let graceful: Promise<void> | undefined;
  const settle = async (run: Promise<void>) => {
    await run;
    ready.reject(new Failure('WEFT0913', 'the sidecar was stopped before it was ready', 'start it again'));
    await ended.catch(() => undefined);
  };
  return {
    ready: ready.promise,
    ended,
    pid: envoy.pid,
    stop() {
      if (graceful !== undefined) hurry.abort();
      graceful ??= settle(stopOnce());
      return graceful;
    },
    kill: () => settle(envoy.end('SIGKILL')),
  };
}

const BOOTSTRAP_FILE = 'envoy.json';

/** Whether Envoy is ready; undefined when it does not answer: it starts, is busy, or is gone. */
async function look(watch: ConnectionWatch | undefined): Promise<boolean | undefined> {
  try {
    return await watch?.look();
  } catch (error) {
    if (error instanceof EnvoyAdminError) return undefined;
    throw error;
  }
}

/** Envoy keeps what it read, so the file with the credential is whole from its first moment and gone after the end. */
async function writeBootstrap(bootstrap: BootstrapOptions, folder: string): Promise<string> {
  const { credential } = bootstrap;
  if (isOwnIdentity(credential)) {
    const { identityFolder } = credential;
    await writePrivate(join(identityFolder, ownSecretFile), ownSecretText(identityFolder));
  }
  if (bootstrap.rootsFile !== undefined)
    await writePrivate(bootstrap.rootsFile, knownRootsText(bootstrap.controlPlane.rootPem));
  const file = join(folder, BOOTSTRAP_FILE);
  await writePrivate(file, `${JSON.stringify(createBootstrap(bootstrap))}\n`);
  return file;
}

async function writePrivate(file: string, text: string): Promise<void> {
  const fresh = `${file}.new`;
  await rm(fresh, { force: true });
  await writeFile(fresh, text, { mode: 0o600, flag: 'wx' });
  await rename(fresh, file);
}

function envoyArguments(options: SidecarOptions, file: string): readonly string[] {
  const { concurrency, logLevel = 'info', envoyFlags = [] } = options;
  const workers = concurrency === undefined ? [] : ['--concurrency', String(concurrency)];
  // D27: how long connections of a changed listener stay, with the rules of before (E21). Envoy takes a flag once, so the user's goes first.
  const drain = envoyFlags.some((flag) => /^--drain-time-s\b/.test(flag)) ? [] : ['--drain-time-s', '45'];
  return ['-c', file, '--disable-hot-restart', '--log-level', logLevel, ...drain, ...workers, ...envoyFlags];
}

function adminText(admin: AdminAddress): string {
  return admin.kind === 'pipe' ? `unix:${admin.path}` : `${admin.address}:${admin.port}`;
}

function neverStarted(path: string, exit: Exit, lastWords: string | undefined): Failure {
  const words = lastWords === undefined ? '' : `: ${lastWords}`;
  return new Failure(
    'WEFT0913',
    `Envoy ended before it could be asked anything (${howItEnded(exit)})${words}`,
    `see what it says: ${path} --version; flags after -- go to Envoy as they are`,
    path,
  );
}
