import type { RetryDecision } from '../model/ir-route.ts';
import type { MeshConfigObject, Protocol, VirtualServiceObject } from '../model/policy.ts';
import { provenance } from '../model/policy-provenance.ts';
import type { Decided } from '../model/provenance.ts';
import { byDefault } from '../model/provenance.ts';
import { isHttp } from '../model/service.ts';
import type { Retries } from '../model/virtual-service.ts';

/** D1 names no status code: a program's own 503 to a POST is not repeated (R14). */
const conditions = ['connect-failure', 'refused-stream', 'unavailable', 'cancelled', 'retriable-status-codes'];

/** D1: what holds where nobody wrote `retries`, MeshConfig neither. */
export const defaultRetries: Decided<RetryDecision> = byDefault(
  { attempts: 2, conditions, statusCodes: [], avoidPreviousHosts: true },
  'D1',
);

/** P27: to a destination that hashes, no retry looks for another endpoint than the one its key leads to. */
export const hashedDefaultRetries: Decided<RetryDecision> = byDefault(
  { attempts: 2, conditions, statusCodes: [], avoidPreviousHosts: false },
  'D1',
);

const inboundDefault: Decided<RetryDecision> = byDefault(
  {
    attempts: 2,
    conditions: ['reset-before-request'],
    statusCodes: [],
    avoidPreviousHosts: false,
  },
  'D2',
);
const noInboundRetries: Decided<undefined> = byDefault(undefined, 'D2');

/**
 * D2: a request that was reset before its first byte was sent is tried anew at the application, whatever its method. Not on gRPC ports:
 * a stream that was opened counts as begun there.
 */
export function inboundRetries(protocol: Protocol): Decided<RetryDecision | undefined> {
  return isHttp(protocol) && protocol !== 'grpc' && protocol !== 'grpc-web' ? inboundDefault : noInboundRetries;
}

/**
 * P16: `attempts` counts retries after the first try, 0 is off; whole numbers among `retryOn` are status codes. `field` is
 * `spec.http[0].retries`; `absent` holds where nothing is written. `hashed`: to one destination, which hashes (P27).
 */
export function resolveRetries(
  object: VirtualServiceObject | MeshConfigObject,
  field: string,
  retries: Retries | undefined,
  absent: Decided<RetryDecision | undefined>,
  hashed: boolean,
): Decided<RetryDecision | undefined> {
  if (retries === undefined) return absent;
  const by = provenance(object, field);
  if (retries.attempts <= 0) return { value: undefined, by };
  const words = retries.retryOn ?? conditions;
  const statusCodes = words.filter((word) => /^\d+$/.test(word)).map(Number);
  const names = words.filter((word) => !/^\d+$/.test(word));
  if (statusCodes.length > 0) names.push('retriable-status-codes');
  return {
    value: {
      attempts: retries.attempts,
      ...(retries.perTryTimeout === undefined ? {} : { perTryTimeout: retries.perTryTimeout }),
      conditions: [...new Set(names)],
      statusCodes: [...new Set(statusCodes)].sort((a, b) => a - b),
      avoidPreviousHosts: retries.ignorePreviousHosts ?? !hashed,
      ...(retries.remoteLocalities === true ? { otherPriorities: true } : {}),
      ...(retries.backoff === undefined ? {} : { backoff: retries.backoff }),
    },
    by,
  };
}
