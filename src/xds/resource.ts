import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { contentHash } from '../proto/content-hash.ts';

/** The name of another resource, by type (section 5, point 1). */
export interface ResourceReference {
  readonly typeUrl: string;
  readonly name: string;
}

/** One xDS resource. Immutable; its wire forms are made once, on first use, and shared by every stream. */
export interface Resource {
  readonly name: string;
  /** Content hash of `value`: equal content, equal version, on every instance (X32). */
  readonly version: string;
  readonly typeUrl: string;
  /** The encoded message itself, that is, the `value` of the google.protobuf.Any. */
  readonly value: Uint8Array;
  /** What must be known to the client before this resource is of use: the clusters of a route, for example (X91). */
  readonly references: readonly ResourceReference[];
  /** For an EDS cluster the name under which its endpoints are asked for (X95); its EDS is sent again after it (X87). */
  readonly edsName?: string;
}

/** Makes a resource from its encoded message, and gives it the version that its bytes deserve. */
export function createResource(fields: {
  readonly name: string;
  readonly typeUrl: string;
  readonly value: Uint8Array;
  readonly references?: readonly ResourceReference[];
  readonly edsName?: string;
}): Resource {
  const { name, typeUrl, value, references = [], edsName } = fields;
  const version = contentHash(value);
  return { name, typeUrl, value, version, references, ...(edsName === undefined ? {} : { edsName }) };
}

/** How many resources were turned into their wire form since the process started: tests assert on differences. */
export interface EncodeCounter {
  readonly resources: number;
}

let encoded = 0;
export const encodeCounter: EncodeCounter = {
  get resources() {
    return encoded;
  },
};

const deltaForms = new WeakMap<Resource, Uint8Array>();
const sotwForms = new WeakMap<Resource, Uint8Array>();

/** Field 2 of a DeltaDiscoveryResponse with this resource, tag and length included. */
export function deltaBytes(resource: Resource): Uint8Array {
  return remembered(deltaForms, resource, () => {
    const body = new BinaryWriter().tag(3, WireType.LengthDelimited).string(resource.name);
    body.tag(1, WireType.LengthDelimited).string(resource.version);
    body.tag(2, WireType.LengthDelimited).bytes(anyBytes(resource));
    return new BinaryWriter().tag(2, WireType.LengthDelimited).bytes(body.finish()).finish();
  });
}

/** Field 2 of a DiscoveryResponse with this resource, tag and length included. */
export function sotwBytes(resource: Resource): Uint8Array {
  return remembered(sotwForms, resource, () =>
    new BinaryWriter().tag(2, WireType.LengthDelimited).bytes(anyBytes(resource)).finish(),
  );
}

function anyBytes(resource: Resource): Uint8Array {
  const any = new BinaryWriter().tag(1, WireType.LengthDelimited).string(resource.typeUrl);
  if (resource.value.length > 0) any.tag(2, WireType.LengthDelimited).bytes(resource.value);
  return any.finish();
}

function remembered(forms: WeakMap<Resource, Uint8Array>, resource: Resource, make: () => Uint8Array): Uint8Array {
  const present = forms.get(resource);
  if (present !== undefined) return present;
  const bytes = make();
  forms.set(resource, bytes);
  encoded += 1;
  return bytes;
}
