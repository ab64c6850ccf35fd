import type { ProbeCheck, ReadinessProbe } from '../model/workload-group.ts';
import { probeExec } from './probe-exec.ts';
import { probeGrpc } from './probe-grpc.ts';
import { probeHttp } from './probe-http.ts';
import { failed, type ProbeResult, placeText } from './probe-result.ts';
import { probeTcp } from './probe-tcp.ts';
import { probeText } from './probe-text.ts';

/** Where probes without a host go, and whether commands of policies may be run here. */
export interface ProbeGround {
  readonly applicationAddress: string;
  readonly allowsCommands: boolean;
}

/** No timer of Node is longer. */
const longestTimer = 2 ** 31 - 1;

/** One test of the application, over after the probe's timeout or when `stop` says so. Never rejects; a failure says what was tried. */
export async function runProbe(
  { check, timeout }: Pick<ReadinessProbe, 'check' | 'timeout'>,
  ground: ProbeGround,
  stop: AbortSignal,
): Promise<ProbeResult> {
  const limit = Math.min(timeout, longestTimer);
  const over = new AbortController();
  const timer = setTimeout(() => over.abort(new Error(`no answer within ${limit / 1_000} s`)), limit);
  const result = await attempt(check, ground, AbortSignal.any([stop, over.signal]), limit);
  clearTimeout(timer);
  if (result.ok) return result;
  // Node tells of a request that was ended only that it was.
  const reason = over.signal.aborted ? `no answer within ${limit / 1_000} s` : result.reason;
  return failed(`${probeText(check, ground)}: ${reason}`);
}

function attempt(check: ProbeCheck, ground: ProbeGround, signal: AbortSignal, limit: number): Promise<ProbeResult> {
  const own = ground.applicationAddress;
  switch (check.kind) {
    case 'http':
      return probeHttp(check, check.host ?? own, signal);
    case 'tcp':
      return probeTcp(check.host ?? own, check.port, signal);
    case 'grpc':
      return probeGrpc(placeText(own, check.port), check.service, limit);
    case 'exec':
      if (ground.allowsCommands) return probeExec(check.command, signal);
      return Promise.resolve(failed('commands of policies are not run here: start weft run with --exec-probes'));
    default:
      return check satisfies never;
  }
}
