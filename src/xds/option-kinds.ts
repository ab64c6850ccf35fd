import type { AdmissionSettings } from './admission.ts';
import {
  age,
  amount,
  array,
  behaviour,
  bytes,
  called,
  either,
  type Fields,
  fields,
  type Kind,
  lifetime,
  list,
  map,
  milliseconds,
  oneOf,
  optional,
  port,
  required,
  text,
  typeUrl,
  unread,
} from './check.ts';
import type { Clock } from './clock.ts';
import type { Timing } from './make-before-break.ts';
import type { RequestLimits } from './request-limits.ts';
import type { Resource, ResourceFields, ResourceReference } from './resource.ts';
import type { ConnectionSettings, Session, XdsServerOptions } from './server-options.ts';
import type { QuietTimes, SnapshotChange } from './snapshot-store.ts';
import type { TlsSource } from './tls-source.ts';

/** Every name that may stand in a value of this type: one without a row here does not compile. */
export type Names<Value> = Record<keyof Required<Value>, Fields[string]>;

const settings = <Value>(kinds: Record<keyof Value, Kind>): Kind =>
  fields(Object.fromEntries(Object.entries<Kind>(kinds).map(([name, kind]) => [name, optional(kind)])));

const timing = settings<Timing>({ hold: milliseconds, grace: milliseconds });

const quiet = settings<QuietTimes>({
  quiet: milliseconds,
  longest: milliseconds,
  endpointsQuiet: milliseconds,
  endpointsLongest: milliseconds,
});

const admission = settings<AdmissionSettings>({
  perSecond: amount,
  burst: amount,
  longestWait: milliseconds,
  atOnce: amount,
  longestPlace: milliseconds,
});

const connection = settings<ConnectionSettings>({
  keepaliveTime: milliseconds,
  keepaliveTimeout: milliseconds,
  maxAge: age,
  maxAgeGrace: milliseconds,
  firstRequest: milliseconds,
  slowReader: milliseconds,
  unauthenticatedPerAddress: amount,
  perNode: amount,
  receiveLimit: amount,
});

const limits = settings<RequestLimits>({
  nodeId: amount,
  nodeBytes: amount,
  metadataBytes: amount,
  metadataKeys: amount,
  nameBytes: amount,
  names: amount,
  types: amount,
});

const tlsSource = behaviour('an object with get and watch', {
  get: required(called),
  watch: required(called),
  clientAuthority: optional(text),
} satisfies Names<TlsSource>);

const clock = behaviour('an object with now and after', {
  now: required(called),
  after: required(called),
} satisfies Names<Clock>);

/** The options of `createXdsServer`. */
export const serverOptions = fields({
  address: required(text),
  port: required(port),
  credentials: required(either('plaintext', tlsSource)),
  transport: optional(oneOf('http2', 'grpc-js')),
  authenticate: optional(called),
  open: optional(called),
  observe: optional(called),
  identifier: optional(text),
  clock: optional(clock),
  timing: optional(timing),
  quiet: optional(quiet),
  admission: optional(admission),
  connection: optional(connection),
  limits: optional(limits),
  handlers: optional(map),
} satisfies Names<XdsServerOptions<unknown>>);

/** What `open` answers with, unless it refuses. */
export const session = behaviour('an object with snapshot, watch and close', {
  snapshot: required(called),
  watch: required(called),
  close: required(called),
} satisfies Names<Session>);

/** A whole resource will do. */
export const reference = behaviour('an object with typeUrl and name', {
  typeUrl: required(typeUrl),
  name: required(text),
} satisfies Names<ResourceReference>);

/** What `createResource` is given; from a resource that is to be varied it takes what is not said anew, and makes the rest itself. */
export const resourceFields = fields({
  name: required(text),
  typeUrl: required(typeUrl),
  value: required(bytes),
  references: optional(list(reference)),
  edsName: optional(text),
  aliases: optional(list(text)),
  ttl: optional(lifetime),
  version: unread,
  digest: unread,
  absent: unread,
} satisfies Names<ResourceFields & Resource>);

/** What `update` and `updateLayer` are given; whether these are resources is looked at where each is put into the layer. */
export const snapshotChange = fields({
  set: optional(array),
  remove: optional(list(reference)),
} satisfies Names<SnapshotChange>);
