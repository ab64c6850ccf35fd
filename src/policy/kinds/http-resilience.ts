import { STATUS_CODES } from 'node:http';
import { nearestName } from '../../model/nearest-name.ts';
import type { Fault, Retries } from '../../model/virtual-service.ts';
import type { LowerContext } from '../kind-definition.ts';
import type { Infer } from '../shape.ts';
import { beside, present } from './common.ts';
import type { fault, retries } from './http-shape.ts';

const retryConditions = [
  '5xx',
  'gateway-error',
  'reset',
  'reset-before-request',
  'connect-failure',
  'envoy-ratelimited',
  'retriable-4xx',
  'refused-stream',
  'retriable-status-codes',
  'retriable-headers',
  'http3-post-connect-failure',
  'cancelled',
  'deadline-exceeded',
  'internal',
  'resource-exhausted',
  'unavailable',
];

/** The status codes of the IANA registry; Istio takes no others. Node knows one more. */
const isStatusCode = (word: string): boolean =>
  /^[1-5]\d\d$/.test(word) && STATUS_CODES[word] !== undefined && word !== '509';

/** P16: `attempts` counts retries; `{}` and 0 switch them off. */
export function lowerRetries(written: Infer<typeof retries>, path: string, context: LowerContext): Retries {
  const { attempts, perTryTimeout, backoff, retryIgnorePreviousHosts, retryRemoteLocalities } = written;
  const retryOn = written.retryOn || undefined;
  for (const [name, value] of Object.entries({ perTryTimeout, retryOn, retryRemoteLocalities })) {
    if (value === undefined || (attempts ?? 0) > 0) continue;
    if (attempts === 0) {
      const message = `attempts 0 and ${name} exclude each other`;
      context.report('WEFT0137', `${path}.${name}`, message, 'keep one', beside(context, path, 'attempts'));
    } else context.report('WEFT0002', path, `expected "attempts" beside ${name}, which is required`, 'add attempts: 2');
  }
  for (const [name, value] of Object.entries({ backoff, retryIgnorePreviousHosts })) {
    if (value === undefined || (attempts ?? 0) > 0) continue;
    context.report('WEFT0132', `${path}.${name}`, 'has no effect without attempts', 'add attempts, or remove it');
  }
  const conditions = retryOn?.split(',');
  for (const word of conditions ?? []) {
    if (retryConditions.includes(word) || isStatusCode(word)) continue;
    const near = nearestName(word.trim(), [...retryConditions, ...Object.keys(STATUS_CODES)]);
    const hint = near ? `did you mean ${JSON.stringify(near)}?` : `known: status codes, ${retryConditions.join(', ')}`;
    const message = `expected retry conditions, got ${JSON.stringify(word)}`;
    context.report('WEFT0002', `${path}.retryOn`, message, hint, { part: word });
  }
  return present<Retries>({
    attempts: attempts ?? 0,
    perTryTimeout,
    retryOn: conditions,
    backoff,
    ignorePreviousHosts: retryIgnorePreviousHosts,
    remoteLocalities: retryRemoteLocalities,
  });
}

/** The codes of gRPC by number. */
const grpcStatuses = [
  'OK',
  'CANCELLED',
  'UNKNOWN',
  'INVALID_ARGUMENT',
  'DEADLINE_EXCEEDED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'ABORTED',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
  'UNAUTHENTICATED',
];

/** P17: a fault without a percentage never fires; so it does without a delay or a status. */
export function lowerFault(written: Infer<typeof fault>, path: string, context: LowerContext): Fault {
  return present<Fault>({
    delay: written.delay && lowerDelay(written.delay, `${path}.delay`, context),
    abort: written.abort && lowerAbort(written.abort, `${path}.abort`, context),
  });
}

type Delay = NonNullable<Infer<typeof fault>['delay']>;
type Abort = NonNullable<Infer<typeof fault>['abort']>;

function lowerDelay(delay: Delay, path: string, context: LowerContext): Fault['delay'] {
  const { fixedDelay, percentage, percent } = delay;
  if (percentage !== undefined && percent !== undefined) {
    const related = beside(context, path, 'percentage');
    context.report('WEFT0132', `${path}.percent`, 'has no effect beside percentage', 'remove it', related);
  } else if (percent !== undefined) context.place(`${path}.percentage`, `${path}.percent`);
  const share = percentage ? shareOf(percentage, `${path}.percentage`, context) : (percent ?? 0);
  if (fixedDelay === undefined) {
    context.report('WEFT0132', path, 'has no effect without fixedDelay', 'add fixedDelay, or remove it');
    return undefined;
  }
  if (percent === undefined) checkShare(percentage, path, context);
  return { fixedDelay, percentage: share };
}

function lowerAbort(abort: Abort, path: string, context: LowerContext): Fault['abort'] {
  const { httpStatus, grpcStatus: word, percentage } = abort;
  const share = percentage ? shareOf(percentage, `${path}.percentage`, context) : 0;
  if (httpStatus === undefined && word === undefined) {
    context.report('WEFT0132', path, 'has no effect without httpStatus or grpcStatus', 'add httpStatus, or remove it');
    return undefined;
  }
  checkShare(percentage, path, context);
  if (httpStatus === 600) context.refuse(`${path}.httpStatus`, 'never', '600');
  const grpcStatus = word === undefined ? undefined : grpcStatuses.indexOf(word);
  if (word !== undefined && grpcStatus === -1) {
    const near = nearestName(word.toUpperCase(), grpcStatuses);
    const message = `expected a status of gRPC, got ${JSON.stringify(word)}`;
    const hint = near ? `did you mean ${JSON.stringify(near)}?` : 'write UNAVAILABLE or such';
    context.report('WEFT0002', `${path}.grpcStatus`, message, hint);
  }
  return present<NonNullable<Fault['abort']>>({ httpStatus, grpcStatus, percentage: share });
}

/** P17: without a share a fault is for no request. Who writes 0 means it. */
function checkShare(percentage: Abort['percentage'], path: string, context: LowerContext): void {
  if (percentage?.value !== undefined) return;
  const message = 'has no effect without percentage, which is 0 unless it is written';
  context.report('WEFT0132', path, message, 'add percentage: {value: 100}, or another share');
}

/** A share of requests in percent. Four decimals count, and so small a one that none of them is left is refused, as in Istio. */
function shareOf({ value = 0 }: { readonly value?: number }, path: string, context: LowerContext): number {
  const share = Math.floor(Math.round(value * 1e8) / 1e4) / 1e4;
  if (value > 0 && share === 0) {
    const message = `expected 0, or a percentage from 0.0001 to 100, got ${value}`;
    context.report('WEFT0002', `${path}.value`, message, 'write at least 0.0001');
  }
  return share;
}
