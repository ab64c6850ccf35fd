import { status as grpcStatus } from '@grpc/grpc-js';
import { Failure } from '../model/failure.ts';
import type { Clock } from '../model/state-store.ts';
import type { ProxyStatus } from '../model/status.ts';
import type { Workload } from '../model/workload.ts';
import { Membership } from '../proto/gen/weft/v1/membership_pb.ts';
import { couldBe, type JoinCredential } from '../registry/join-claims.ts';
import type { JoinedProxies } from '../registry/joined-proxies.ts';
import { refusalText } from '../sidecar/refusal.ts';
import type { CallHandler } from '../xds/call.ts';
import { type Authenticate, unaryHandler } from '../xds/handlers.ts';
import type { Refused } from '../xds/server-options.ts';
import type { CheckCredential } from './credential-check.ts';
import type { HealthDesk } from './health-desk.ts';
import type { OwnAddress } from './own-addresses.ts';
import { proxyRefusals } from './proxy-refusals.ts';
import type { TrustDesk } from './trust-desk.ts';

/** How long a goodbye waits for the callers, in milliseconds (F16). */
const waitLimit = 5_000;
const lookEvery = 20;

/**
 * `weft.v1.Membership`: a sidecar leaves the registry before it drains, and is answered when its callers have acknowledged that
 * (E35, E37); it hears what was refused of its configuration, where others call it, and what is to be probed. The credential must be one that the workload could have joined with.
 */
export function createMembershipService(options: {
  readonly check: CheckCredential;
  readonly joined: JoinedProxies;
  /** Makes the mesh follow the registry now, and tells how many other proxies have not acknowledged the newest endpoints. */
  readonly callersPending: (leaving: string) => number;
  readonly publish: () => void;
  readonly status: (nodeId: string) => ProxyStatus | undefined;
  /** The service ports that lead to a workload. */
  readonly addresses: (workload: Workload) => readonly OwnAddress[];
  readonly healthDesk: HealthDesk;
  readonly trustDesk: TrustDesk;
  readonly clock: Clock;
}): readonly (readonly [path: string, handler: CallHandler])[] {
  const { check, joined, callersPending, publish, status, addresses, healthDesk, trustDesk, clock } = options;

  /** Whether there is such a workload. Throws Failure WEFT0203 where this credential is not its own. */
  function isOwn(nodeId: string, credential: JoinCredential): boolean {
    const workload = joined.workloads.get().get(nodeId);
    if (!workload) return false;
    if (couldBe(credential, workload)) return true;
    const { tokenId, service, namespace, serviceAccount } = credential;
    const account = serviceAccount === service ? '' : `, service account "${serviceAccount}"`;
    throw new Failure(
      'WEFT0203',
      `token ${tokenId} speaks for service "${service}" of "${namespace}"${account}, not for "${nodeId}"`,
      `use the token of ${nodeId}`,
    );
  }

  async function leave(nodeId: string, credential: JoinCredential): Promise<number> {
    if (!isOwn(nodeId, credential)) return 0;
    joined.goodbye(nodeId);
    publish();
    const deadline = clock.now() + waitLimit;
    for (;;) {
      await new Promise<void>((resolve) => clock.after(lookEvery, resolve));
      const pending = callersPending(nodeId);
      if (pending === 0 || clock.now() >= deadline) return pending;
    }
  }

  const authenticate: Authenticate<JoinCredential> = check;
  return [
    unaryHandler(Membership.method.leave, {
      authenticate,
      answer: ({ nodeId }, credential) => answered(async () => ({ callersPending: await leave(nodeId, credential) })),
    }),
    unaryHandler(Membership.method.refusals, {
      authenticate,
      answer: ({ nodeId }, credential) =>
        answered(async () => ({ refusals: isOwn(nodeId, credential) ? [...proxyRefusals(status(nodeId))] : [] })),
    }),
    unaryHandler(Membership.method.addresses, {
      authenticate,
      answer: ({ nodeId }, credential) =>
        answered(async () => {
          const workload = isOwn(nodeId, credential) ? joined.workloads.get().get(nodeId) : undefined;
          const ports = workload === undefined ? [] : addresses(workload);
          return { known: ports.length > 0, ports: [...ports] };
        }),
    }),
    unaryHandler(Membership.method.trust, {
      authenticate,
      answer: ({ nodeId, pinned }, credential) =>
        answered(async () => {
          // Roots are no secret among members; what is noted of a proxy it must say itself.
          const told = isOwn(nodeId, credential) ? pinned : undefined;
          const { roots, renew, askAgainIn } = trustDesk.answer(nodeId, told, credential.nodeId !== undefined);
          return { roots: [...roots], renew, askAgainIn: BigInt(askAgainIn) };
        }),
    }),
    unaryHandler(Membership.method.health, {
      authenticate,
      async answer(request, credential) {
        const own = await answered(async () => isOwn(request.nodeId, credential));
        if ('refused' in own) return own;
        return healthDesk.answer(request, own.ok ? joined.workloads.get().get(request.nodeId) : undefined);
      },
    }),
  ];
}

async function answered<Answer>(make: () => Promise<Answer>): Promise<{ readonly ok: Answer } | Refused> {
  try {
    return { ok: await make() };
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return { refused: { code: grpcStatus.PERMISSION_DENIED, message: refusalText(error) } };
  }
}
