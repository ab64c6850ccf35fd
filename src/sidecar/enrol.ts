import { setTimeout as sleep } from 'node:timers/promises';
import { writeCsr } from '../ca/write-csr.ts';
import { Failure } from '../model/failure.ts';
import type { Millis } from '../model/policy.ts';
import type { NodeMetadata } from '../model/proxy.ts';
import type { Secret } from '../model/secret.ts';
import type { ControlPlaneAddress } from './bootstrap.ts';
import { type ControlPlaneClient, createControlPlaneClient, type IssuedIdentity } from './control-plane-client.ts';
import { askingKeys, hasEnded, heldIdentity, holdIdentity, newKeys, type SidecarCredential } from './own-identity.ts';

export interface EnrolOptions {
  readonly controlPlane: ControlPlaneAddress;
  /** The token as it is sent, and its id. */
  readonly token: { readonly id: string; readonly bearer: Secret<string> };
  readonly nodeId: string;
  /** What the node will say of itself. */
  readonly metadata: NodeMetadata;
  /** A private folder of this proxy, kept between its runs: what it holds is used again, and the token is not spent twice. */
  readonly folder: string;
  /** Told once if the control plane signs no more requests for now. */
  readonly onWait?: (failure: Failure) => void;
  /** For each call, in milliseconds. */
  readonly timeout: Millis;
}

/** A busy mesh starts many replicas of one identity at once: 20 are signed at once, then 10 a minute. */
const patience: Millis = 5 * 60_000;

/**
 * Makes sure that `folder` holds a certificate that opens streams: the one of an earlier run while the control plane takes it, else
 * one for a new key, for which a use of the token is spent, and no second one where the answer is lost. Throws Failure WEFT0203 (refused), WEFT0305, WEFT0901.
 */
export async function enrol(options: EnrolOptions): Promise<void> {
  const { folder, nodeId, token } = options;
  const held = heldIdentity(folder);
  if (held !== undefined && held.nodeId === nodeId && held.tokenId === token.id && !hasEnded(folder)) {
    if (await isTaken(options)) return;
  }
  const keys = askingKeys(folder);
  const { run: _none, ...metadata } = options.metadata;
  const claims = JSON.stringify({ ...metadata, identityFolder: folder, run: 'enrol' });
  const issued = await withClient(options, token.bearer, (client) =>
    patiently(options, () => client.enrol(nodeId, writeCsr(keys), claims, options.timeout)),
  );
  keep(options, issued, keys.privateKey);
}

/** Asks for the next certificate with a new key, and puts it in place. Throws as `enrol` does. */
export async function renew(options: Omit<EnrolOptions, 'token' | 'metadata'>): Promise<void> {
  const { folder, nodeId, timeout } = options;
  const held = heldIdentity(folder);
  if (held === undefined)
    throw new Failure('WEFT0904', `"${folder}" holds no certificate to renew`, 'start weft run again', folder);
  const keys = newKeys();
  const issued = await withClient(options, { identityFolder: folder }, (client) =>
    client.renew(writeCsr(keys), timeout),
  );
  keep({ folder, nodeId, token: { id: held.tokenId } }, issued, keys.privateKey);
}

/** Whether the certificate of an earlier run is still one that the control plane knows. Throws Failure WEFT0901. */
async function isTaken({ folder, nodeId, timeout, ...rest }: EnrolOptions): Promise<boolean> {
  try {
    await withClient(rest, { identityFolder: folder }, (client) => client.refusals(nodeId, timeout));
    return true;
  } catch (error) {
    // Another control plane, a revoked token: the token at hand says what to do now.
    if (error instanceof Failure && error.code !== 'WEFT0901') return false;
    throw error;
  }
}

async function withClient<Answer>(
  { controlPlane }: Pick<EnrolOptions, 'controlPlane'>,
  credential: SidecarCredential,
  ask: (client: ControlPlaneClient) => Promise<Answer>,
): Promise<Answer> {
  const client = createControlPlaneClient(controlPlane, credential);
  return ask(client).finally(client.close);
}

async function patiently<Answer>(options: EnrolOptions, ask: () => Promise<Answer>): Promise<Answer> {
  const end = performance.now() + patience;
  for (let told = false; ; ) {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof Failure) || !isTooMany(error) || performance.now() > end) throw error;
      if (!told) options.onWait?.(error);
      told = true;
      await sleep(1_000 + Math.random() * 4_000);
    }
  }
}

function isTooMany({ code, message }: Failure): boolean {
  return code === 'WEFT0305' && message.startsWith('too many');
}

function keep(
  {
    folder,
    nodeId,
    token,
  }: { readonly folder: string; readonly nodeId: string; readonly token: { readonly id: string } },
  { certificateChain, renewIn, endsIn }: IssuedIdentity,
  privateKey: ReturnType<typeof newKeys>['privateKey'],
): void {
  const now = Date.now();
  const held = { tokenId: token.id, nodeId, renewAt: now + renewIn, endsAt: now + endsIn };
  holdIdentity(folder, { certificateChain, privateKey, held });
}
