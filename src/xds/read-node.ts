import { status } from '@grpc/grpc-js';
import { decode } from '../proto/codec.ts';
import { type Node, NodeSchema } from '../proto/gen/envoy/config/core/v3/base_pb.ts';
import { MalformedMessage, readFields } from './fields.ts';
import { type RequestLimits, Violation } from './request-limits.ts';

/** Fields of the node and of a Struct, by number. */
const idField = 1;
const metadataField = 3;
const entryField = 1;

/**
 * X5, X6 and T8: what the first request of a stream must bring. Throws a Violation. `named` is told the id as soon as that is found
 * good, before anything else is looked at. Limits are tried on the bytes: a map of a megabyte takes a fifth of a second to read.
 */
export function readNode(bytes: Uint8Array | undefined, limits: RequestLimits, named: (id: string) => void): Node {
  if (bytes === undefined) throw noNode();
  if (bytes.length > limits.nodeBytes) throw exhausted(`the node is larger than ${limits.nodeBytes} bytes`);
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  let id = buffer.subarray(0, 0);
  let metadataBytes = 0;
  let keys = 0;
  overFields(buffer, (field, start, end) => {
    if (field === idField) id = buffer.subarray(start, end);
    if (field !== metadataField) return;
    // Protobuf joins a message that comes in pieces.
    metadataBytes += end - start;
    overFields(buffer.subarray(start, end), (inner) => {
      if (inner === entryField) keys += 1;
    });
  });
  if (id.length === 0) throw noNode();
  if (id.length > limits.nodeId) throw exhausted(`node.id is longer than ${limits.nodeId} bytes`);
  named(id.toString());
  if (keys > limits.metadataKeys) throw exhausted(`node.metadata has more than ${limits.metadataKeys} keys`);
  if (metadataBytes > limits.metadataBytes)
    throw exhausted(`node.metadata is larger than ${limits.metadataBytes} bytes`);
  try {
    return decode(NodeSchema, bytes);
  } catch {
    // Nested so deep, for example, that reading it exhausts the stack.
    throw unreadable();
  }
}

function overFields(buffer: Buffer, take: (field: number, start: number, end: number) => void): void {
  try {
    readFields(buffer, 0, buffer.length, take);
  } catch (error) {
    if (error instanceof MalformedMessage) throw unreadable();
    throw error;
  }
}

function exhausted(message: string): Violation {
  return new Violation(status.RESOURCE_EXHAUSTED, message);
}

function unreadable(): Violation {
  return new Violation(status.INVALID_ARGUMENT, 'the node of the request cannot be read');
}

function noNode(): Violation {
  return new Violation(status.INVALID_ARGUMENT, 'the first request of a stream must carry node.id');
}
