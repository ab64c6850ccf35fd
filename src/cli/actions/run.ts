import { createHash } from 'node:crypto';
import { Failure } from '../../model/failure.ts';
import type { NodeMetadata } from '../../model/proxy.ts';
import type { AdminAddress } from '../../sidecar/bootstrap.ts';
import { claimPorts, type WantedPort } from '../../sidecar/claim-ports.ts';
import { deferred } from '../../sidecar/deferred.ts';
import { type EnrolOptions, enrol } from '../../sidecar/enrol.ts';
import { keepRenewed } from '../../sidecar/keep-renewed.ts';
import { createKnownControlPlane, fingerprintsOf, rememberedRoots, rememberRoots } from '../../sidecar/known-roots.ts';
import { claimOutboundAddress, type OutboundAddress } from '../../sidecar/outbound-address.ts';
import { hasEnded, type SidecarCredential } from '../../sidecar/own-identity.ts';
import type { RunEvent } from '../../sidecar/run-event.ts';
import { startSidecar } from '../../sidecar/sidecar.ts';
import { acquireLock } from '../../store/lock.ts';
import { marks } from '../marks.ts';
import { failureLines } from '../output.ts';
import type { ExitCode, VerbContext } from '../verb.ts';
import type { runFlags } from '../verbs/run.ts';
import { findEnvoyOrFail } from './find-envoy.ts';
import { identityFolder, identityPath } from './identity-folder.ts';
import { type Joined, joinControlPlane } from './join.ts';
import { ownAddresses } from './own-addresses.ts';
import { eventValue, runLines } from './run-lines.ts';
import { dropRuntimeFolder, emptyRuntimeFolder, runtimeFolder } from './runtime-folder.ts';
import { adminOf, namespaceOf, type Workload, workloadOf } from './workload.ts';

/**
 * `weft run` (section 1.3 of experience.md): preflight, then a sidecar until somebody stops it. Ends with 0 after SIGTERM, 130 after ctrl-c,
 * and throws the Failure that kept it from ever becoming a member; later troubles are told and waited out.
 */
export async function run(context: VerbContext<typeof runFlags>): Promise<ExitCode> {
  const { flags, namespace, env, output } = context;
  const { warning } = marks(env);
  const where = namespaceOf(flags.group, namespace, context.globals.namespace);
  const workload = await workloadOf(flags, where, (words) => output.say(`${warning} inbound        ${words}`));
  const folder = runtimeFolder(env, workload.nodeId);
  try {
    return await runIn(folder, workload, context);
  } finally {
    dropRuntimeFolder(folder);
  }
}

async function runIn(folder: string, workload: Workload, context: VerbContext<typeof runFlags>): Promise<ExitCode> {
  const { flags, output, env } = context;
  const { good, warning } = marks(env);
  const { nodeId } = workload;
  const admin = adminOf(flags.admin, folder);
  const lock = await acquireLock(`${folder}/lock`, {
    what: `proxy ${nodeId}`,
    holder: 'another "weft run"',
    code: 'WEFT0914',
    hint: (pid) => `stop that one (kill ${pid}), or give this one its own --name`,
  });
  let outbound: OutboundAddress | undefined;
  let [stopRenewing, releasePorts] = [(): void => undefined, (): void => undefined];
  try {
    const envoy = await findEnvoyOrFail(flags.envoy, context);
    releasePorts = await claimPorts(portsOf(workload.metadata, admin));
    const joined = await joinControlPlane(context, flags['token-file'], (pin) =>
      rememberedRoots(identityPath(env, folder, { fingerprint: pin, nodeId })),
    );
    outbound = await outboundOf(workload.metadata, joined, flags);
    const { address, because } = outbound;
    if (because !== undefined)
      output.say(`${warning} outbound       from here the mesh is at ${address}: ${because}; --bind names another`);
    const metadata = { ...workload.metadata, capture: { ...workload.metadata.capture, bind: address } };
    const { host, port } = joined.controlPlane;
    const pin = `sha256:${joined.fingerprint.slice(0, 8)}..`;
    output.event(
      'RunEvent',
      { event: 'control-plane', state: 'starting', address: `${host}:${port}`, fingerprint: joined.fingerprint },
      joined.isAway
        ? `${warning} control plane  ${host}:${port} does not answer: waits for it with the identity of an earlier run`
        : `${good} control plane  ${host}:${port}, certificate pinned by the token (${pin})`,
    );
    const { fingerprint, token } = joined;
    const known = createKnownControlPlane(joined.controlPlane);
    const controlPlane = known.address;
    const credential = { identityFolder: identityFolder(env, folder, { fingerprint, nodeId }) };
    const trouble = (failure: Failure) => {
      for (const line of failureLines(failure, env)) output.say(line);
    };
    const own = {
      ...{ controlPlane, nodeId, folder: credential.identityFolder, token, metadata },
      ...{ timeout: context.globals.timeout, onWait: trouble },
    };
    if (!joined.isAway) {
      await enrolTwice(own);
      rememberRoots(own.folder, controlPlane.rootPem);
    }
    const decided = deferred<ExitCode>();
    let wasReady = false;
    const identity = keepRenewed({
      ...own,
      onEnrolled: () => output.say(`${warning} identity       the certificate had ended: joined again with the token`),
      onProblem(failure) {
        const whole = hasEnded(own.folder) ? withRepair(failure, flags['token-file']?.replace(/^-$/, 'FILE')) : failure;
        if (wasReady || !isFinal(whole)) trouble(whole);
        else decided.reject(whole);
      },
    });
    stopRenewing = identity.stop;
    let said = Promise.resolve();
    const serves = (metadata.ports ?? []).length > 0 || metadata.group !== undefined;
    /** In order, though where others call it is asked for first. */
    const say = (event: RunEvent) => {
      const whole =
        event.event === 'ready' && serves
          ? withAddresses(event, { ...joined, controlPlane }, credential, nodeId)
          : event;
      said = said.then(async () => tell(context, await whole, { nodeId, metadata }, envoy.version));
    };
    const sidecar = startSidecar({
      bootstrap: {
        nodeId,
        metadata,
        controlPlane,
        credential,
        admin,
        stats: { flushInterval: flags['stats-interval'] },
      },
      folder,
      onRoots(rootPem) {
        known.take(rootPem);
        void outbound?.alsoOf(fingerprintsOf(rootPem));
        rememberRoots(credential.identityFolder, rootPem);
      },
      renewIdentity: identity.now,
      envoy: envoy.path,
      ...(flags.concurrency === undefined ? {} : { concurrency: flags.concurrency }),
      logLevel: flags['envoy-log-level'],
      allowsCommands: flags['exec-probes'],
      envoyFlags: context.arguments,
      onLog: (line) => output.detail(line),
      onOutput: (line) => output.event('EnvoyOutput', { line }, line),
      onEvent(event) {
        wasReady ||= event.event === 'ready';
        const isRefused = event.event === 'problem' && isFinal(event.failure);
        if (event.event === 'connected' || isRefused) identity.retry();
        // What has ended is refused; the next one, or why there is none, is told by who asks for it.
        if (isRefused && hasEnded(own.folder)) return;
        // Whoever is turned down before it ever was a member will not become one by waiting; the message ends the command.
        const final = event.event === 'problem' && !wasReady && isFinal(event.failure) ? event.failure : undefined;
        if (final === undefined || output.format !== 'table') say(event);
        if (final !== undefined) decided.reject(final);
      },
    });
    context.onInterrupt((signal) => {
      void sidecar.stop().then(() => decided.resolve(signal === 'SIGINT' ? 130 : 0));
    });
    sidecar.ended.catch(decided.reject);
    try {
      return await decided.promise;
    } finally {
      await sidecar.kill();
      await said;
    }
  } finally {
    stopRenewing();
    outbound?.release();
    releasePorts();
    emptyRuntimeFolder(folder);
    lock.release();
  }
}

/** The control plane answered a moment ago: an answer that does not come is lost, and asked for again at once. */
async function enrolTwice(own: EnrolOptions): Promise<void> {
  try {
    await enrol(own);
  } catch (error) {
    if (!(error instanceof Failure) || error.code !== 'WEFT0901') throw error;
    own.onWait?.(error);
    await enrol(own);
  }
}

async function withAddresses(
  event: RunEvent,
  joined: Joined,
  credential: SidecarCredential,
  nodeId: string,
): Promise<RunEvent> {
  const addresses = await ownAddresses(joined, credential, nodeId);
  return event.event !== 'ready' || addresses === undefined ? event : { ...event, addresses };
}

/** Troubles go to stderr as messages, everything else is what `weft run` prints. */
function tell(context: VerbContext<typeof runFlags>, event: RunEvent, workload: Workload, version: string): void {
  const { output, env } = context;
  if (output.format !== 'table') {
    output.event('RunEvent', eventValue(event), undefined);
    return;
  }
  if (event.event === 'problem') for (const line of failureLines(event.failure, env)) output.say(line);
  for (const line of runLines(event, workload, version, marks(env))) output.line(line);
}

/** Why a proxy whose certificate has ended did not join again. */
function withRepair(failure: Failure, file = 'FILE'): Failure {
  if (failure.code !== 'WEFT0203') return failure;
  return new Failure(
    failure.code,
    `the certificate of this proxy has ended, and ${failure.message}`,
    `${failure.hint} -o file > ${file}, then start weft run again`,
    failure.where,
  );
}

function isFinal(failure: Failure): boolean {
  return failure.code !== 'WEFT0901';
}

/** Where the application reaches this sidecar; without a way to it nothing is taken from others. Throws Failure WEFT0910. */
async function outboundOf(
  { capture }: NodeMetadata,
  { controlPlane: { host, port, rootPem }, fingerprint }: Joined,
  flags: VerbContext<typeof runFlags>['flags'],
): Promise<OutboundAddress> {
  const { proxy, ports = false } = capture ?? {};
  const isAsked = flags['outbound-port'] !== undefined;
  // Its address survives a change of root; the roots tell where one sidecar says localhost and the other a name.
  const at = createHash('sha256').update(`${host.toLowerCase()}:${port}`).digest('hex');
  return claimOutboundAddress({
    mesh: [...new Set([at, fingerprint, ...fingerprintsOf(rootPem)])],
    ports,
    ...(flags.bind === undefined ? {} : { asked: capture?.bind ?? flags.bind }),
    ...(proxy === undefined ? {} : { proxy: { port: proxy, isAsked } }),
  });
}

/** Where its Envoy will listen, besides the ways out. */
function portsOf({ ports = [], inboundBind = '0.0.0.0' }: NodeMetadata, admin: AdminAddress): readonly WantedPort[] {
  return [
    ...ports.map(({ inbound }) => ({ address: inboundBind, port: inbound, flag: '--inbound-port' })),
    ...(admin.kind === 'tcp' ? [{ address: admin.address, port: admin.port, flag: '--admin' }] : []),
  ];
}
