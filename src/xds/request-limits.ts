import { status } from '@grpc/grpc-js';

/** Why a stream has to end. Thrown while a request is read, so that no more of it is read. */
export class Violation extends Error {
  readonly code: status;

  constructor(code: status, message: string) {
    super(message);
    this.code = code;
  }
}

/** Limits against giant nodes and subscription bombs (T8). */
export interface RequestLimits {
  readonly nodeId: number;
  /** Bytes of the encoded node. Extensions are much of it: Envoy alone has 60 KB of them. */
  readonly nodeBytes: number;
  /** Bytes of the encoded metadata. */
  readonly metadataBytes: number;
  readonly metadataKeys: number;
  /** Bytes of a resource name, of a version and of a type URL. */
  readonly nameBytes: number;
  readonly names: number;
  /**
   * What the streams of one connection may name, all types together, in bytes: of the names that are subscribed and of the versions that
   * the client came with, 128 more for each (`besides` of name-cost.ts).
   */
  readonly subscribedBytes: number;
  readonly types: number;
}

/** Well above what an Envoy with 10,000 services asks for. */
export const defaultLimits: RequestLimits = {
  nodeId: 1024,
  // A node of this size takes 20 ms to read, at most.
  nodeBytes: 256 * 1024,
  metadataBytes: 64 * 1024,
  metadataKeys: 256,
  nameBytes: 1024,
  names: 100_000,
  // A type with 100,000 names of 100 bytes, and the same names again for the client that comes back with them, are 46 MB; 200 streams on a
  // connection (X20) that come back with 1,000 services each are 107 MB.
  subscribedBytes: 128 * 1024 * 1024,
  types: 64,
};

/** More names than one type may have on one stream (T8). */
export function tooManyNames(limits: RequestLimits): Violation {
  return new Violation(status.RESOURCE_EXHAUSTED, `more than ${limits.names} names of one type on one stream`);
}
