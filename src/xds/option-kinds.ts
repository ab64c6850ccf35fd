import type { AdmissionSettings } from './admission.ts';
import {
  age,
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
  pem,
  port,
  rate,
  required,
  size,
  some,
  someMilliseconds,
  someOrNone,
  text,
  typeUrl,
  unread,
} from './check.ts';
import type { Clock } from './clock.ts';
import type { RequestLimits } from './request-limits.ts';
import type { Resource, ResourceFields, ResourceReference } from './resource.ts';
import type { ConnectionSettings, ServerTiming, Session, XdsServerOptions } from './server-options.ts';
import type { QuietTimes, SnapshotChange } from './snapshot-store.ts';
import type { ServerCertificate, TlsSource } from './tls-source.ts';

/** Every name that may stand in a value of this type: one without a row here does not compile. */
export type Names<Value> = Record<keyof Required<Value>, Fields[string]>;

const settings = <Value>(kinds: Record<keyof Value, Kind>): Kind =>
  fields(Object.fromEntries(Object.entries<Kind>(kinds).map(([name, kind]) => [name, optional(kind)])));

const timing = settings<ServerTiming>({ hold: milliseconds, grace: milliseconds, unanswered: someMilliseconds });

const quiet = settings<QuietTimes>({
  quiet: milliseconds,
  longest: milliseconds,
  endpointsQuiet: milliseconds,
  endpointsLongest: milliseconds,
});

const admission = settings<AdmissionSettings>({
  perSecond: rate,
  burst: some,
  longestWait: milliseconds,
  atOnce: some,
  longestPlace: someMilliseconds,
});

const connection = settings<ConnectionSettings>({
  keepaliveTime: someMilliseconds,
  keepaliveTimeout: someMilliseconds,
  maxAge: age,
  maxAgeGrace: milliseconds,
  firstRequest: someMilliseconds,
  slowReader: someMilliseconds,
  unauthenticatedPerAddress: some,
  perNode: some,
  receiveLimit: size,
});

const limits = settings<RequestLimits>({
  nodeId: some,
  nodeBytes: some,
  metadataBytes: someOrNone,
  metadataKeys: someOrNone,
  nameBytes: some,
  names: some,
  subscribedBytes: some,
  types: some,
});

const tlsSource = behaviour('an object with get and watch', {
  get: required(called),
  watch: required(called),
  clientAuthority: optional(text),
} satisfies Names<TlsSource>);

/** What `get` of a TlsSource answers with; no more, since what is meant and not looked at would make it less safe than it seems. */
export const serverCertificate = fields(
  { certificateChain: required(pem), privateKey: required(pem) } satisfies Names<ServerCertificate>,
  {},
  'an object with certificateChain and privateKey',
);

const clock = behaviour('an object with now and after', {
  now: required(called),
  after: required(called),
} satisfies Names<Clock>);

/** The options of `createXdsServer`. */
const options = {
  address: required(text),
  port: required(port),
  credentials: required(either('plaintext', tlsSource)),
  transport: optional(oneOf('http2', 'grpc-js')),
  authenticate: optional(called),
  open: optional(called),
  observe: optional(called),
  inspect: optional(called),
  virtualHosts: optional(oneOf('asked', 'all')),
  identifier: optional(text),
  clock: optional(clock),
  timing: optional(timing),
  quiet: optional(quiet),
  admission: optional(admission),
  connection: optional(connection),
  limits: optional(limits),
  handlers: optional(map),
} satisfies Names<XdsServerOptions<unknown>>;

/** The same, with the words that others have for them. */
export const serverOptions = fields(options, {
  host: 'address',
  hostname: 'address',
  listen: 'address',
  tls: 'credentials',
  ssl: 'credentials',
  log: 'observe',
  logger: 'observe',
} satisfies Readonly<Record<string, keyof typeof options>>);

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
