import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { contentHash } from '../proto/content-hash.ts';
import { check, shown } from './check.ts';
import { type Digest, digestOf, emptyDigest } from './digest.ts';
import { resourceFields } from './option-kinds.ts';
import { canonicalName } from './resource-name.ts';

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
  /** Of name and version, for the version of a set that holds it. */
  readonly digest: Digest;
  /** What must be known to the client before this resource is of use: the clusters of a route, for example (X91). */
  readonly references: readonly ResourceReference[];
  /** For an EDS cluster the name under which its endpoints are asked for (X95); its EDS is sent again after it (X87). */
  readonly edsName?: string;
  /** Other names under which it is asked for (X83): the hosts of a virtual host, for example. */
  readonly aliases?: readonly string[];
  /** Milliseconds after which the client forgets it unless it hears of it again (X106). */
  readonly ttl?: number;
  /** Stands for a name that does not exist: sent without content (X72, X111). */
  readonly absent?: true;
}

/** What a resource is made of. */
export interface ResourceFields {
  readonly name: string;
  readonly typeUrl: string;
  readonly value: Uint8Array;
  readonly references?: readonly ResourceReference[];
  readonly edsName?: string;
  readonly aliases?: readonly string[];
  readonly ttl?: number;
}

/**
 * Makes a resource from its encoded message, and gives it the version that its bytes deserve. Throws a TypeError for a name that there is
 * not, or a value of another kind.
 */
export function createResource(fields: ResourceFields): Resource {
  check('createResource', fields, resourceFields, '', 'fields');
  const { typeUrl, value, ttl } = fields;
  const name = canonicalName(fields.name);
  const version = contentHash(value);
  const references = canonicalReferences(fields.references ?? []);
  const edsName = fields.edsName === undefined ? undefined : canonicalName(fields.edsName);
  const aliases = fields.aliases?.map(canonicalName);
  return {
    name,
    typeUrl,
    value,
    version,
    digest: digestOf(name, version),
    references,
    ...(edsName === undefined ? {} : { edsName }),
    ...(aliases === undefined || aliases.length === 0 ? {} : { aliases }),
    ...(ttl === undefined ? {} : { ttl }),
  };
}

/** X84: names are compared in their canonical form, so what refers to one says it so. */
function canonicalReferences(references: readonly ResourceReference[]): readonly ResourceReference[] {
  if (references.every(({ name }) => canonicalName(name) === name)) return references;
  return references.map(({ typeUrl, name }) => ({ typeUrl, name: canonicalName(name) }));
}

/** Throws a TypeError where something else was given: JSON, for example, that nobody has made a resource of. */
export function requireResource(given: Resource): void {
  // What the types promise; those who write JavaScript have none.
  const value: unknown = given;
  if (typeof value === 'object' && value !== null && 'digest' in value && 'value' in value) return;
  throw new TypeError(`${shown(value)} is no resource: resourceOf makes one of JSON, createResource of bytes`);
}

/** A message with nothing but its name, which stands in field 1 of the types that need it (X90, X115). */
export function emptyResource(typeUrl: string, name: string): Resource {
  const value = new BinaryWriter().tag(1, WireType.LengthDelimited).string(name).finish();
  return standIn(typeUrl, name, 'empty', value);
}

/** Whether it stands for a name that does not exist, or of which no form is known that may be sent: no content has such a version. */
export function isStandIn({ version }: { readonly version: string }): boolean {
  return version === 'empty' || version === 'absent';
}

/** What stands for a name that does not exist. It is cheap to make, since a client may ask for many (T8), and in no view. */
function standIn(typeUrl: string, name: string, version: 'empty' | 'absent', value: Uint8Array): Resource {
  return { name, typeUrl, value, version, digest: emptyDigest, references: [] };
}

/** A virtual host for a domain that nobody asks for (E28). */
export function placeholderHost(typeUrl: string, name: string): Resource {
  const value = new BinaryWriter().tag(1, WireType.LengthDelimited).string(nowhere);
  return createResource({
    typeUrl,
    name,
    value: value.tag(2, WireType.LengthDelimited).string(nowhere).finish(),
  });
}

/** A domain that nobody can have (RFC 2606). */
export const nowhere = 'weft.invalid';

/** The answer for a VHDS name that does not exist: itself as name and alias, and no content (X111, E27). */
export function absentResource(typeUrl: string, name: string): Resource {
  return { ...standIn(typeUrl, name, 'absent', new Uint8Array()), aliases: [name], absent: true };
}

/** How many resources were turned into their wire form since the process started: tests assert on differences. */
export interface EncodeCounter {
  readonly resources: number;
}

let encoded = 0;
/** Of this process, all servers in it together. */
export const encodeCounter: EncodeCounter = {
  get resources() {
    return encoded;
  },
};

/** How a resource stands in a response; `ttl` only for clients that know it (X106), `heartbeat` without content (X108). */
export type WireForm = 'delta' | 'delta-ttl' | 'delta-heartbeat' | 'sotw' | 'sotw-ttl' | 'sotw-heartbeat';

const forms = new WeakMap<Resource, Partial<Record<WireForm, Uint8Array>>>();

/** Field 2 of a response with this resource, tag and length included. */
export function wireBytes(resource: Resource, form: WireForm): Uint8Array {
  let made = forms.get(resource);
  if (made === undefined) {
    made = {};
    forms.set(resource, made);
  }
  const present = made[form];
  if (present !== undefined) return present;
  const body = form === 'sotw' ? anyBytes(resource) : formBody(resource, form);
  const bytes = new BinaryWriter().tag(2, WireType.LengthDelimited).bytes(body).finish();
  made[form] = bytes;
  encoded += 1;
  return bytes;
}

function formBody(resource: Resource, form: Exclude<WireForm, 'sotw'>): Uint8Array {
  const content = !form.endsWith('-heartbeat') && resource.absent !== true;
  const wrapper = wrapperBytes(resource, content, form === 'delta' ? undefined : resource.ttl);
  if (form.startsWith('delta')) return wrapper;
  const any = new BinaryWriter().tag(1, WireType.LengthDelimited).string(wrapperType);
  return any.tag(2, WireType.LengthDelimited).bytes(wrapper).finish();
}

/** X107: in SotW a TTL travels in a wrapper, which only some clients know. */
const wrapperType = 'type.googleapis.com/envoy.service.discovery.v3.Resource';

function wrapperBytes(resource: Resource, content: boolean, ttl: number | undefined): Uint8Array {
  const body = new BinaryWriter().tag(3, WireType.LengthDelimited).string(resource.name);
  body.tag(1, WireType.LengthDelimited).string(resource.version);
  if (content) body.tag(2, WireType.LengthDelimited).bytes(anyBytes(resource));
  for (const alias of resource.aliases ?? []) body.tag(4, WireType.LengthDelimited).string(alias);
  if (ttl !== undefined) body.tag(6, WireType.LengthDelimited).bytes(durationBytes(ttl));
  return body.finish();
}

function durationBytes(milliseconds: number): Uint8Array {
  const duration = new BinaryWriter();
  const seconds = Math.floor(milliseconds / 1000);
  if (seconds > 0) duration.tag(1, WireType.Varint).int64(seconds);
  const nanos = Math.round((milliseconds - seconds * 1000) * 1e6);
  if (nanos > 0) duration.tag(2, WireType.Varint).int32(nanos);
  return duration.finish();
}

function anyBytes(resource: Resource): Uint8Array {
  const any = new BinaryWriter().tag(1, WireType.LengthDelimited).string(resource.typeUrl);
  if (resource.value.length > 0) any.tag(2, WireType.LengthDelimited).bytes(resource.value);
  return any.finish();
}
