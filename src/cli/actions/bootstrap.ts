import { access, constants, open, rename, rm } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { Failure } from '../../model/failure.ts';
import { Secret } from '../../model/secret.ts';
import { createBootstrap } from '../../sidecar/bootstrap.ts';
import { createControlPlaneClient } from '../../sidecar/control-plane-client.ts';
import type { ExitCode, VerbContext } from '../verb.ts';
import type { bootstrapFlags } from '../verbs/bootstrap.ts';
import { type Joined, joinControlPlane } from './join.ts';
import { adminOf, namespaceOf, type Workload, workloadOf } from './workload.ts';

/** `weft bootstrap`: a file for plain `envoy -c`, with the credential in it (0600), or the same on stdout. */
export async function bootstrap(context: VerbContext<typeof bootstrapFlags>): Promise<ExitCode> {
  const { flags, namespace, output, cwd } = context;
  const workload = await workloadOf(flags, namespaceOf(flags.group, namespace, context.globals.namespace));
  const out = flags.out === undefined ? undefined : resolve(cwd, flags.out);
  // Before the token is spent.
  if (out !== undefined) await requireWritable(out);
  const joined = await joinControlPlane(context, flags['token-file']);
  const { controlPlane, fingerprint } = joined;
  const { credential, rootPem } = await bareCredential(joined, workload, context.globals.timeout);
  const json = createBootstrap({
    ...workload,
    controlPlane: { ...controlPlane, rootPem },
    credential,
    // Where Envoy will run is not known here, so the socket is found from its working folder.
    admin: flags.admin === undefined ? { kind: 'pipe', path: 'admin.sock' } : adminOf(flags.admin, cwd),
    stats: { flushInterval: flags['stats-interval'] },
  });
  const text = `${JSON.stringify(json, null, 2)}\n`;
  if (out === undefined) {
    context.makeOutputPrivate();
    output.document(text);
    return 0;
  }
  await writePrivate(out, text);
  output.say(
    `${flags.out} holds the credential of ${workload.nodeId} (mode 0600), pinned to sha256:${fingerprint.slice(0, 8)}..`,
  );
  output.say(`start it: envoy -c ${flags.out} --disable-hot-restart`);
  return 0;
}

/**
 * What a bare Envoy sends with every call: a reusable token as it is, or what one use of another is spent for; and every root by which it
 * may find the control plane later, as one may be about to take the place of another. Throws Failure WEFT0203.
 */
async function bareCredential(
  { controlPlane, token }: Joined,
  { nodeId, metadata }: Workload,
  timeout: number,
): Promise<{ readonly credential: Secret<string>; readonly rootPem: string }> {
  const client = createControlPlaneClient(controlPlane, token.bearer);
  try {
    const bearer = await client.redeem(nodeId, JSON.stringify(metadata), timeout);
    const credential = bearer === '' ? token.bearer : new Secret(bearer);
    return { credential, rootPem: await rootsFor(controlPlane, credential, nodeId, timeout) };
  } finally {
    client.close();
  }
}

async function rootsFor(
  controlPlane: Joined['controlPlane'],
  credential: Secret<string>,
  nodeId: string,
  timeout: number,
): Promise<string> {
  const client = createControlPlaneClient(controlPlane, credential);
  try {
    const { roots } = await client.trust(nodeId, [], timeout);
    return roots.length === 0 ? controlPlane.rootPem : roots.join('');
  } catch (error) {
    // The pinned one is enough as long as no root changes, and a change waits for whoever knows the old one alone.
    if (error instanceof Failure) return controlPlane.rootPem;
    throw error;
  } finally {
    client.close();
  }
}

/** Whole or not at all, and never readable by others, not even while it is written. Throws Failure WEFT0904. */
async function writePrivate(path: string, text: string): Promise<void> {
  const fresh = `${path}.${process.pid}.new`;
  try {
    const file = await open(fresh, 'wx', 0o600);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(fresh, path);
  } catch (error) {
    await rm(fresh, { force: true });
    throw unwritable(path, error);
  }
}

/** Whether a file can be made there, as far as that can be known before. Throws Failure WEFT0904. */
async function requireWritable(path: string): Promise<void> {
  try {
    await access(`${dirname(path)}/`, constants.W_OK);
  } catch (error) {
    throw unwritable(path, error);
  }
}

function unwritable(path: string, error: unknown): Failure {
  const words = error instanceof Error ? error.message : String(error);
  const hint = 'name a file in a folder of this user with --out';
  return new Failure('WEFT0904', `"${path}" cannot be written: ${words}`, hint, path);
}
