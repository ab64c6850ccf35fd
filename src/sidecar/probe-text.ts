import type { ProbeCheck } from '../model/workload-group.ts';
import { placeText } from './probe-result.ts';

/** A probe in a few words; `applicationAddress` is where it goes if it names no host. */
export function probeText(
  check: ProbeCheck,
  { applicationAddress: own }: { readonly applicationAddress: string },
): string {
  switch (check.kind) {
    case 'http':
      return `GET ${check.scheme}://${placeText(check.host ?? own, check.port)}${check.path}`;
    case 'tcp':
      return `TCP ${placeText(check.host ?? own, check.port)}`;
    case 'grpc':
      return `gRPC health of ${placeText(own, check.port)}${check.service === '' ? '' : ` ${check.service}`}`;
    case 'exec':
      return `command ${check.command.join(' ')}`;
    default:
      return check satisfies never;
  }
}
