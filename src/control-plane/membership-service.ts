import { status as grpcStatus, type ServerUnaryCall, type sendUnaryData } from '@grpc/grpc-js';
import { Failure } from '../model/failure.ts';
import type { Clock } from '../model/state-store.ts';
import { type LeaveRequest, Membership } from '../proto/gen/weft/v1/membership_pb.ts';
import { serviceDefinition } from '../proto/services.ts';
import { couldBe, type JoinCredential } from '../registry/join-claims.ts';
import type { JoinedProxies } from '../registry/joined-proxies.ts';
import { refusalText } from '../sidecar/refusal.ts';
import type { ExtraService } from '../xds/server-options.ts';
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
}): ExtraService {
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

  return {
    definition: serviceDefinition(Membership),
    implementation: {
      async leave(
        call: ServerUnaryCall<LeaveRequest, { callersPending: number }>,
        answer: sendUnaryData<{ callersPending: number }>,
      ) {
        const caller = check(call.metadata.get('authorization').map(String));
        if ('refused' in caller) return answer({ code: caller.refused.code, details: caller.refused.message });
        try {
          answer(null, { callersPending: await leave(call.request.nodeId, caller.ok) });
        } catch (error) {
          if (!(error instanceof Failure)) throw error;
          answer({ code: grpcStatus.PERMISSION_DENIED, details: refusalText(error) });
        }
      },
    },
  };
}
