import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { deltaBytes, sotwBytes } from './resource.ts';
import type { Plan } from './respond.ts';
import type { Variant } from './subscription.ts';

/**
 * The bytes of a DiscoveryResponse or DeltaDiscoveryResponse. Resources are joined in the form in which they are kept,
 * so only names and nonce are encoded here.
 */
export function encodeResponse(variant: Variant, plan: Plan, identifier: string): Buffer {
  return variant === 'delta' ? encodeDelta(plan, identifier) : encodeSotw(plan, identifier);
}

function encodeDelta(plan: Plan, identifier: string): Buffer {
  const rest = new BinaryWriter();
  rest.tag(1, WireType.LengthDelimited).string(plan.version);
  rest.tag(4, WireType.LengthDelimited).string(plan.typeUrl);
  rest.tag(5, WireType.LengthDelimited).string(plan.nonce);
  for (const name of plan.removed) rest.tag(6, WireType.LengthDelimited).string(name);
  rest.tag(7, WireType.LengthDelimited).bytes(controlPlane(identifier));
  return Buffer.concat([...plan.resources.map(deltaBytes), rest.finish()]);
}

function encodeSotw(plan: Plan, identifier: string): Buffer {
  const rest = new BinaryWriter();
  rest.tag(1, WireType.LengthDelimited).string(plan.version);
  rest.tag(4, WireType.LengthDelimited).string(plan.typeUrl);
  rest.tag(5, WireType.LengthDelimited).string(plan.nonce);
  rest.tag(6, WireType.LengthDelimited).bytes(controlPlane(identifier));
  return Buffer.concat([...plan.resources.map(sotwBytes), rest.finish()]);
}

/** X13. */
function controlPlane(identifier: string): Uint8Array {
  return new BinaryWriter().tag(1, WireType.LengthDelimited).string(identifier).finish();
}
