import { createHash } from 'node:crypto';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { status as grpcStatus } from '@grpc/grpc-js';
import { Failure } from '../model/failure.ts';
import type { Proxy } from '../model/proxy.ts';
import type { Clock } from '../model/state-store.ts';
import type { Workload } from '../model/workload.ts';
import type { ReadinessProbe } from '../model/workload-group.ts';
import type { GroupsOf } from '../model/workload-groups.ts';
import type { HealthRequest, HealthResponseSchema } from '../proto/gen/weft/v1/membership_pb.ts';
import type { JoinHealth } from '../registry/join-health.ts';
import { probeMessage } from '../sidecar/probe-message.ts';
import { probeText } from '../sidecar/probe-text.ts';
import { refusalText } from '../sidecar/refusal.ts';
import type { Refused } from '../xds/server-options.ts';

export interface HealthDesk {
  /** `workload`: the one that asks; undefined before it has joined. */
  answer(request: HealthRequest, workload: Workload | undefined): HealthReply;
  /** What the Envoy of a proxy finds, which nothing else stands beside. */
  probed(proxy: Proxy, healthy: boolean): void;
  /** How many reports came too fast to be looked at. */
  refused(): number;
}

export type HealthReply = { readonly ok: MessageInitShape<typeof HealthResponseSchema> } | Refused;

/** A sidecar at work asks every ten seconds, and tells of a change once a second at most. */
const mostPerSecond = 10;

/** Answers what is to be probed at a workload, and takes in what its probes found; each workload so often a second, and no more. */
export function createHealthDesk(options: {
  readonly groups: GroupsOf;
  readonly health: Pick<JoinHealth, 'report'>;
  readonly workloadOf: (id: string) => Workload | undefined;
  readonly clock: Clock;
}): HealthDesk {
  const { groups, health, workloadOf, clock } = options;
  /** Of the present second. */
  let second = 0;
  let asked = new Map<string, number>();
  let refused = 0;

  function isFlood(id: string): boolean {
    const now = Math.floor(clock.now() / 1_000);
    if (now !== second) {
      second = now;
      asked = new Map();
    }
    const times = (asked.get(id) ?? 0) + 1;
    asked.set(id, times);
    return times > mostPerSecond;
  }

  return {
    refused: () => refused,
    probed({ id, namespace, applicationAddress, helped }, healthy) {
      const name = helped ? undefined : workloadOf(id)?.group?.name;
      const probe = name === undefined ? undefined : groups(namespace).get(name)?.spec.probe;
      if (probe !== undefined)
        health.report(id, healthy, `${probeText(probe.check, { applicationAddress })}: its Envoy finds it failing`);
    },
    answer(request, workload) {
      if (workload === undefined) return { ok: { joined: false } };
      const { id, namespace, group: membership } = workload;
      if (isFlood(id)) {
        refused += 1;
        const failure = new Failure('WEFT0203', `"${id}" reports its health too often`, 'once a second is enough');
        return { refused: { code: grpcStatus.RESOURCE_EXHAUSTED, message: refusalText(failure) } };
      }
      if (membership === undefined) return { ok: { joined: true } };
      const probe = groups(namespace).get(membership.name)?.spec.probe;
      if (probe === undefined) return { ok: { joined: true, group: membership.name } };
      const version = versionOf(probe);
      // What another probe found says nothing about this one.
      if (request.version === version) health.report(id, request.healthy, request.reason);
      return { ok: { joined: true, group: membership.name, version, probe: probeMessage(probe) } };
    },
  };
}

const versions = new WeakMap<ReadinessProbe, string>();

function versionOf(probe: ReadinessProbe): string {
  const known = versions.get(probe);
  if (known !== undefined) return known;
  const version = createHash('sha256').update(JSON.stringify(probe)).digest('hex').slice(0, 16);
  versions.set(probe, version);
  return version;
}
