import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { prefixLength } from './frame.ts';
import type { Content, Envelope, Seal } from './plan.ts';
import { type Resource, type WireForm, wireBytes } from './resource.ts';
import { sameItems } from './same-items.ts';

/** How many responses that begin with the same resource are kept for others: proxies that are one or two changes apart. */
const kept = 4;

/** What is larger lives only as long as somebody is being sent it. */
const weakFrom = 64 * 1024;

class Sealed implements Envelope {
  readonly number: number;
  readonly nonce: string;
  readonly content: Content;
  readonly #controlPlane: Uint8Array;
  #frame: Uint8Array | WeakRef<Uint8Array> | undefined;

  constructor(number: number, content: Content, controlPlane: Uint8Array) {
    this.number = number;
    this.nonce = number.toString(36);
    this.content = content;
    this.#controlPlane = controlPlane;
  }

  frame(): Uint8Array {
    const present = this.#frame instanceof WeakRef ? this.#frame.deref() : this.#frame;
    if (present !== undefined) return present;
    const frame = responseFrame(this.content, this.nonce, this.#controlPlane);
    this.#frame = frame.length < weakFrom ? frame : new WeakRef(frame);
    return frame;
  }
}

/**
 * Gives equal content equal envelopes, as far as nonces allow, so that its frame is made once. `first`: numbers rise from here, so that a
 * nonce of an earlier process is not taken for one of this (X26). `identifier`: see X13.
 */
export function createSeal(identifier: string, first: number): Seal {
  let last = first;
  const controlPlane = new BinaryWriter().tag(1, WireType.LengthDelimited).string(identifier).finish();
  const shared = new WeakMap<Resource, Sealed[]>();
  const make = (content: Content): Sealed => {
    last += 1;
    return new Sealed(last, content, controlPlane);
  };
  return (content, after) => {
    const [head] = content.resources;
    if (head === undefined) return make(content);
    let others = shared.get(head);
    if (others === undefined) {
      others = [];
      shared.set(head, others);
    }
    for (const sealed of others) if (sealed.number > after && isEqual(sealed.content, content)) return sealed;
    const fresh = make(content);
    others.unshift(fresh);
    if (others.length > kept) others.pop();
    return fresh;
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

/**
 * The bytes of a DiscoveryResponse or DeltaDiscoveryResponse. Resources are joined in the form in which they are kept,
 * so only names and nonce are encoded here.
 */
function responseFrame(content: Content, nonce: string, controlPlane: Uint8Array): Uint8Array {
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
