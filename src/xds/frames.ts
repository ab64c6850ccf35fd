import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { prefixLength } from './frame.ts';
import type { Content, Envelope, Seal } from './plan.ts';
import { type Resource, type WireForm, wireBytes } from './resource.ts';

export interface Frames {
  /** Gives equal content equal frames, as far as nonces allow. */
  readonly seal: Seal;
  /** The bytes of an envelope that `seal` gave. */
  bytesOf(envelope: Envelope): Uint8Array;
}

/** How many responses that begin with the same resource are kept for others: proxies that are one or two changes apart. */
const kept = 4;

/** What is larger lives only as long as somebody is being sent it. */
const weakFrom = 64 * 1024;

interface Made extends Envelope {
  readonly content: Content;
  bytes: Uint8Array | WeakRef<Uint8Array> | undefined;
}

/**
 * Makes the frames of a server. `first`: numbers rise from here, so that a nonce of an earlier process is not taken for
 * one of this (X26). `identifier`: see X13.
 */
export function createFrames(identifier: string, first: number): Frames {
  let last = first;
  const controlPlane = new BinaryWriter().tag(1, WireType.LengthDelimited).string(identifier).finish();
  const shared = new WeakMap<Resource, Made[]>();

  const make = (content: Content): Made => {
    last += 1;
    return { number: last, nonce: last.toString(36), resources: content.resources, content, bytes: undefined };
  };

  return {
    seal(content, after) {
      const [head] = content.resources;
      if (head === undefined) return make(content);
      let others = shared.get(head);
      if (others === undefined) {
        others = [];
        shared.set(head, others);
      }
      for (const made of others) if (made.number > after && isEqual(made.content, content)) return made;
      const fresh = make(content);
      others.unshift(fresh);
      if (others.length > kept) others.pop();
      return fresh;
    },
    bytesOf(envelope) {
      const made = envelope as Made;
      const present = made.bytes instanceof WeakRef ? made.bytes.deref() : made.bytes;
      if (present !== undefined) return present;
      const bytes = frameBytes(made.content, made.nonce, controlPlane);
      made.bytes = bytes.length < weakFrom ? bytes : new WeakRef(bytes);
      return bytes;
    },
  };
}

/** X36: what a delta response calls the version of the system is for people, and may be that in which the bytes were made. */
function isEqual(one: Content, other: Content): boolean {
  return (
    one.variant === other.variant &&
    (one.version === other.version || one.variant === 'delta') &&
    one.ttl === other.ttl &&
    sameItems(one.resources, other.resources) &&
    sameItems(one.removed, other.removed)
  );
}

function sameItems(one: readonly unknown[], other: readonly unknown[]): boolean {
  if (one === other) return true;
  if (one.length !== other.length) return false;
  for (let index = 0; index < one.length; index += 1) if (one[index] !== other[index]) return false;
  return true;
}

/**
 * The bytes of a DiscoveryResponse or DeltaDiscoveryResponse. Resources are joined in the form in which they are kept,
 * so only names and nonce are encoded here.
 */
function frameBytes(content: Content, nonce: string, controlPlane: Uint8Array): Uint8Array {
  const parts = content.resources.map((resource) => wireBytes(resource, formOf(content, resource)));
  const rest = new BinaryWriter();
  rest.tag(1, WireType.LengthDelimited).string(content.version);
  rest.tag(4, WireType.LengthDelimited).string(content.typeUrl);
  rest.tag(5, WireType.LengthDelimited).string(nonce);
  for (const name of content.removed) rest.tag(6, WireType.LengthDelimited).string(name);
  rest.tag(content.variant === 'delta' ? 7 : 6, WireType.LengthDelimited).bytes(controlPlane);
  parts.push(rest.finish());
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const frame = Buffer.allocUnsafeSlow(prefixLength + length);
  frame[0] = 0;
  frame.writeUInt32BE(length, 1);
  let at = prefixLength;
  for (const part of parts) {
    frame.set(part, at);
    at += part.length;
  }
  return frame;
}

function formOf({ variant, ttl }: Content, resource: Resource): WireForm {
  if (ttl === 'none' || resource.ttl === undefined) return variant;
  return `${variant}-${ttl === 'with' ? 'ttl' : 'heartbeat'}`;
}
