import { status } from '@grpc/grpc-js';
import { MalformedMessage, readFields } from './fields.ts';
import type { Incoming } from './incoming.ts';
import { keptErrorBytes } from './nack.ts';
import { namesIn } from './name-lists.ts';
import { type RequestLimits, tooManyNames, Violation } from './request-limits.ts';
import type { Draft, Variant } from './subscription.ts';

const noNames: readonly string[] = [];
const noVersions: ReadonlyMap<string, string> = new Map();

/** What a path serves: a variant, of one type or of all (X1). */
export interface StreamKind {
  readonly variant: Variant;
  /** The type of a service of its own; undefined on aggregated streams. */
  readonly ownType: string | undefined;
}

/** Requests beyond this are not remembered. */
const smallRequest = 512;

/**
 * Reads requests as `readRequest` does. A frame that many streams share is acknowledged by the same bytes on each of them: the last
 * acknowledgement is remembered with what it says.
 */
export function createRequestReader(limits: RequestLimits): (bytes: Uint8Array, kind: StreamKind) => Incoming {
  let last: { readonly bytes: Buffer; readonly kind: StreamKind; readonly incoming: Incoming } | undefined;
  return (bytes, kind) => {
    if (last !== undefined && last.kind === kind && last.bytes.equals(bytes)) return last.incoming;
    const incoming = readRequest(bytes, kind, limits);
    const isAcknowledgement = incoming.nonce !== '' && incoming.node === undefined;
    // A copy: what came is a part of something larger.
    if (isAcknowledgement && bytes.length <= smallRequest) last = { bytes: Buffer.from(bytes), kind, incoming };
    return incoming;
  };
}

/** Reads a request. X2, X3: on a stream of one type nothing means that type, and another is a Violation. */
export function readRequest(bytes: Uint8Array, { variant, ownType }: StreamKind, limits: RequestLimits): Incoming {
  const incoming = variant === 'delta' ? readDelta(bytes, limits) : readSotw(bytes, limits);
  if (ownType === undefined || incoming.typeUrl === ownType) return incoming;
  if (incoming.typeUrl === '') return { ...incoming, typeUrl: ownType };
  throw new Violation(status.INVALID_ARGUMENT, `this service serves ${ownType} alone`);
}

/**
 * Reads a DeltaDiscoveryRequest. Every ACK comes through here, so fields are read by hand; those that nobody needs are
 * skipped (X85). Throws a Violation where a limit is passed, and INVALID_ARGUMENT for bytes that are no message.
 */
export function readDelta(bytes: Uint8Array, limits: RequestLimits): Incoming {
  const buffer = bufferOf(bytes);
  const request = open('delta');
  const subscribe = openNames();
  let unsubscribe: string[] | undefined;
  let versions: Map<string, string> | undefined;
  let at = 0;
  readMessage(buffer, 0, buffer.length, (field, start, end) => {
    if (field === 1) request.node = buffer.subarray(start, end);
    else if (field === 2) request.typeUrl = keptText(buffer, start, end, limits, 'type_url');
    else if (field === 3) spanName(subscribe, at, start, end, limits);
    else if (field === 4) unsubscribe = withName(unsubscribe, buffer, start, end, limits);
    else if (field === 5) versions = withVersion(versions, buffer, start, end, limits);
    else if (field === 6) request.nonce = buffer.toString('utf8', start, end);
    else if (field === 7) request.error = errorText(buffer, start, end);
    at = end;
  });
  if (subscribe.count > 0) request.names = namesIn(buffer, subscribe.from, subscribe.to);
  if (unsubscribe !== undefined) request.unsubscribe = unsubscribe;
  if (versions !== undefined) request.initialVersions = versions;
  return request;
}

/** Reads a DiscoveryRequest; see readDelta. */
export function readSotw(bytes: Uint8Array, limits: RequestLimits): Incoming {
  const buffer = bufferOf(bytes);
  const request = open('sotw');
  const names = openNames();
  let at = 0;
  readMessage(buffer, 0, buffer.length, (field, start, end) => {
    if (field === 1) request.version = keptText(buffer, start, end, limits, 'version_info');
    else if (field === 2) request.node = buffer.subarray(start, end);
    else if (field === 3) spanName(names, at, start, end, limits);
    else if (field === 4) request.typeUrl = keptText(buffer, start, end, limits, 'type_url');
    else if (field === 5) request.nonce = buffer.toString('utf8', start, end);
    else if (field === 6) request.error = errorText(buffer, start, end);
    at = end;
  });
  if (names.count > 0) request.names = namesIn(buffer, names.from, names.to);
  return request;
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}

function open(variant: Variant): Draft<Incoming> {
  return {
    variant,
    typeUrl: '',
    node: undefined,
    nonce: '',
    version: '',
    error: undefined,
    names: noNames,
    unsubscribe: noNames,
    initialVersions: noVersions,
  };
}

function readMessage(
  buffer: Buffer,
  start: number,
  end: number,
  take: (field: number, start: number, end: number) => void,
): void {
  try {
    readFields(buffer, start, end, take);
  } catch (error) {
    if (!(error instanceof MalformedMessage)) throw error;
    throw new Violation(status.INVALID_ARGUMENT, `the request is no message of this method: ${error.message}`);
  }
}

/** Where the names of a request stand: they are read once the whole list is known (name-lists.ts). */
interface NameSpan {
  count: number;
  from: number;
  to: number;
}

function openNames(): NameSpan {
  return { count: 0, from: 0, to: 0 };
}

/** `fieldFrom`: where the field begins, or what was skipped before it. */
function spanName(span: NameSpan, fieldFrom: number, start: number, end: number, limits: RequestLimits): void {
  checkLength(start, end, limits, 'a resource name');
  if (span.count === 0) span.from = fieldFrom;
  span.count += 1;
  span.to = end;
  if (span.count > limits.names) throw tooManyNames(limits);
}

function withName(
  names: string[] | undefined,
  buffer: Buffer,
  start: number,
  end: number,
  limits: RequestLimits,
): string[] {
  const name = nameAt(buffer, start, end, limits);
  if (names === undefined) return [name];
  names.push(name);
  if (names.length > limits.names) throw tooManyNames(limits);
  return names;
}

function nameAt(buffer: Buffer, start: number, end: number, limits: RequestLimits): string {
  return keptText(buffer, start, end, limits, 'a resource name');
}

/** T8: what a stream keeps of its client is short. */
function keptText(buffer: Buffer, start: number, end: number, limits: RequestLimits, what: string): string {
  checkLength(start, end, limits, what);
  return buffer.toString('utf8', start, end);
}

function checkLength(start: number, end: number, { nameBytes }: RequestLimits, what: string): void {
  if (end - start > nameBytes)
    throw new Violation(status.RESOURCE_EXHAUSTED, `${what} is longer than ${nameBytes} bytes`);
}

function withVersion(
  versions: Map<string, string> | undefined,
  buffer: Buffer,
  from: number,
  to: number,
  limits: RequestLimits,
): Map<string, string> {
  let name = '';
  let version = '';
  readMessage(buffer, from, to, (field, start, end) => {
    if (field === 1) name = nameAt(buffer, start, end, limits);
    else if (field === 2) version = keptText(buffer, start, end, limits, 'the version of a resource');
  });
  const all = versions ?? new Map<string, string>();
  all.set(name, version);
  if (all.size > limits.names) throw tooManyNames(limits);
  return all;
}

/** X43: of a giant text only what is kept is read. */
function errorText(buffer: Buffer, from: number, to: number): string {
  let text = '';
  readMessage(buffer, from, to, (field, start, end) => {
    if (field === 2) text = buffer.toString('utf8', start, Math.min(end, start + keptErrorBytes + 4));
  });
  return text;
}
