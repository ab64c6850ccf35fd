import { setTimeout as wait } from 'node:timers/promises';
import { Failure } from '../../model/failure.ts';
import type { RotationStatus } from '../../model/rotation-status.ts';
import type { ApiClient } from '../api-client.ts';
import { readApi, readValue } from '../read-api.ts';
import { rotationLines } from '../render/certificates.ts';
import type { ExitCode, VerbContext } from '../verb.ts';
import type { certRotateFlags } from '../verbs/cert.ts';

const path = '/api/v1/certificates/rotation';
const pollMilliseconds = 500;

type RotateContext = VerbContext<typeof certRotateFlags>;

/**
 * `weft cert rotate --root`: takes a step and shows what it led to; without a step how far the rotation is, exit 1 while somebody is awaited;
 * so with --wait if not all follow in time.
 * Rejects with Failure WEFT0306 for a step that may not be taken now. Each step may be repeated, so may an interrupted command.
 */
export async function certRotate(context: RotateContext): Promise<ExitCode> {
  const { flags, output } = context;
  requireSense(flags);
  const api = await readApi(context);
  const show = (status: RotationStatus) => {
    const { apiVersion: _version, kind: _kind, ...value } = { apiVersion: '', kind: '', ...status };
    output.object('Rotation', value, rotationLines(status, Date.now()));
  };
  if (flags.compromised) {
    const { fingerprint } = flags;
    show(await post(api, { compromised: true, ...(fingerprint === undefined ? {} : { fingerprint }) }));
    output.say('new handshakes by the old root fail after the second deadline; open connections end by their maximum');
    output.say('duration of 15 minutes over HTTP, by themselves over TCP: restart what must not go on');
    return 0;
  }
  const { step } = flags;
  if (step === undefined) {
    const status = await readValue<RotationStatus>(api, path);
    show(status);
    return status.pending.length === 0 ? 0 : 1;
  }
  if (!flags.wait) {
    show(await post(api, { step }));
    return 0;
  }
  const deadline = performance.now() + context.globals.timeout;
  const awaiting = (of: (status: RotationStatus) => number) => followed(api, of, deadline, context);
  // If the time is over the step itself says who has not shown what it asks for.
  const before = await awaiting(({ next, pending }) => (next === step ? pending.length : 0));
  let status = await post(api, { step });
  // What comes after `activate` takes a new certificate of everybody, and perhaps a new bootstrap: that is what `finish` waits for.
  const after = ({ phase, pending, behind = [] }: RotationStatus): number =>
    step === 'prepare' && phase === 'prepared' ? pending.length : step === 'finish' ? behind.length : 0;
  if (after(status) > 0) status = await awaiting(after);
  show(status);
  if (after(status) === 0) return 0;
  // A compromised root goes without proof, so there nothing is said of calls.
  if (step === 'finish' && before.next === step && before.deadlines === undefined)
    output.say(
      'the step is taken: all had shown before that they follow the new root, so none of their calls fails by that',
    );
  return 1;
}

/** Waits until `of` counts nobody any more, or until the time is over. */
async function followed(
  api: ApiClient,
  of: (status: RotationStatus) => number,
  deadline: number,
  { output }: RotateContext,
): Promise<RotationStatus> {
  let told = -1;
  for (;;) {
    const status = await readValue<RotationStatus>(api, path);
    const left = of(status);
    if (left === 0 || performance.now() + pollMilliseconds >= deadline) return status;
    if (told !== left) output.say(`waiting for ${left} of ${status.proxies} proxies`);
    told = left;
    await wait(pollMilliseconds);
  }
}

function requireSense({ root, step, wait, compromised, fingerprint }: RotateContext['flags']): void {
  const wrong = (message: string, hint: string) => new Failure('WEFT0912', message, hint);
  if (!root)
    throw wrong('only the root is changed by hand', 'weft cert rotate --root; the rest is renewed at half its life');
  if (compromised && step !== undefined) throw wrong('--compromised takes its steps by itself', 'leave out --step');
  if (wait && step === undefined) throw wrong('--wait waits for what a step needs', 'add --step, or leave it out');
  if (!compromised && fingerprint !== undefined)
    throw wrong('--fingerprint names a root that is compromised', 'add --compromised, or leave it out');
}

async function post(api: ApiClient, body: object): Promise<RotationStatus> {
  const answer = await api.post(path, body);
  if (typeof answer === 'object' && answer !== null && 'phase' in answer) return answer as RotationStatus;
  throw new Failure('WEFT0911', `the answer of ${path} is no rotation`, 'is the control plane of the same version?');
}
