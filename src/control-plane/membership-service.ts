import { status as grpcStatus } from '@grpc/grpc-js';
import { Failure } from '../model/failure.ts';
import type { Clock } from '../model/state-store.ts';
import { Membership } from '../proto/gen/weft/v1/membership_pb.ts';
import { couldBe, type JoinCredential } from '../registry/join-claims.ts';
import type { JoinedProxies } from '../registry/joined-proxies.ts';
import { refusalText } from '../sidecar/refusal.ts';
import type { CallHandler } from '../xds/call.ts';
import { unaryHandler } from '../xds/handlers.ts';
import type { CheckBearer } from './bearer.ts';

/** How long a goodbye waits for the callers, in milliseconds (F16). */
const waitLimit = 5_000;
const lookEvery = 20;

/**
 * `weft.v1.Membership`: a sidecar leaves the registry before it drains, and is answered when its callers have acknowledged that
 * (E35, E37). The credential must be one that the workload could have joined with.
 */
export function createMembershipService(options: {
  readonly check: CheckBearer;
  readonly joined: JoinedProxies;
  /** Makes the mesh follow the registry now, and tells how many other proxies have not acknowledged the newest endpoints. */
  readonly callersPending: (leaving: string) => number;
  readonly publish: () => void;
  readonly clock: Clock;
}): readonly [path: string, handler: CallHandler] {
  const { check, joined, callersPending, publish, clock } = options;

  async function leave(nodeId: string, credential: JoinCredential): Promise<number> {
    const workload = joined.workloads.get().get(nodeId);
    if (!workload) return 0;
    if (!couldBe(credential, workload)) {
      const { tokenId, service, namespace, serviceAccount } = credential;
      const account = serviceAccount === service ? '' : `, service account "${serviceAccount}"`;
      throw new Failure(
        'WEFT0203',
        `token ${tokenId} speaks for service "${service}" of "${namespace}"${account}, not for "${nodeId}"`,
        `use the token of ${nodeId}`,
      );
    }
    joined.goodbye(nodeId);
    publish();
    const deadline = clock.now() + waitLimit;
    for (;;) {
      await new Promise<void>((resolve) => clock.after(lookEvery, resolve));
      const pending = callersPending(nodeId);
      if (pending === 0 || clock.now() >= deadline) return pending;
    }
  }

  return unaryHandler(Membership.method.leave, {
    authenticate: ({ headers }) => check(headers.get('authorization') ?? []),
    async answer({ nodeId }, credential) {
      try {
        return { ok: { callersPending: await leave(nodeId, credential) } };
      } catch (error) {
        if (!(error instanceof Failure)) throw error;
        return { refused: { code: grpcStatus.PERMISSION_DENIED, message: refusalText(error) } };
      }
    },
  });
}
