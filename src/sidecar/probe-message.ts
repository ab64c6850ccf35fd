import type { MessageInitShape } from '@bufbuild/protobuf';
import type { ProbeCheck, ReadinessProbe } from '../model/workload-group.ts';
import type { Probe, ProbeSchema } from '../proto/gen/weft/v1/membership_pb.ts';

/** A probe as the control plane sends it. */
export function probeMessage(probe: ReadinessProbe): MessageInitShape<typeof ProbeSchema> {
  const { initialDelay, period, timeout, successThreshold, failureThreshold, check } = probe;
  return {
    initialDelay: BigInt(initialDelay),
    period: BigInt(period),
    timeout: BigInt(timeout),
    successThreshold,
    failureThreshold,
    check: checkMessage(check),
  };
}

function checkMessage(check: ProbeCheck): NonNullable<MessageInitShape<typeof ProbeSchema>['check']> {
  switch (check.kind) {
    case 'http': {
      const { scheme, host = '', port, path, headers } = check;
      return { case: 'http', value: { tls: scheme === 'https', host, port, path, headers: [...headers] } };
    }
    case 'tcp':
      return { case: 'tcp', value: { host: check.host ?? '', port: check.port } };
    case 'grpc':
      return { case: 'grpc', value: { port: check.port, service: check.service } };
    case 'exec':
      return { case: 'exec', value: { command: [...check.command] } };
    default:
      return check satisfies never;
  }
}

/** The probe of an answer; undefined for a kind that a newer control plane may know. */
export function probeOf(message: Probe): ReadinessProbe | undefined {
  const check = checkOf(message.check);
  if (check === undefined) return undefined;
  return {
    initialDelay: Number(message.initialDelay),
    period: Number(message.period),
    timeout: Number(message.timeout),
    successThreshold: message.successThreshold,
    failureThreshold: message.failureThreshold,
    check,
  };
}

function checkOf(check: Probe['check']): ProbeCheck | undefined {
  switch (check.case) {
    case 'http': {
      const { tls, host, port, path, headers } = check.value;
      const named = headers.map(({ name, value }) => ({ name, value }));
      return { kind: 'http', scheme: tls ? 'https' : 'http', ...hostOf(host), port, path, headers: named };
    }
    case 'tcp':
      return { kind: 'tcp', ...hostOf(check.value.host), port: check.value.port };
    case 'grpc':
      return { kind: 'grpc', port: check.value.port, service: check.value.service };
    case 'exec':
      return { kind: 'exec', command: check.value.command };
    case undefined:
      return undefined;
    default:
      return check satisfies never;
  }
}

function hostOf(host: string): { readonly host?: string } {
  return host === '' ? {} : { host };
}
