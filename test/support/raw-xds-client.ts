import type { DescMessage, MessageInitShape, MessageShape } from '@bufbuild/protobuf';
import { type ChannelCredentials, Client, credentials, Metadata, type status } from '@grpc/grpc-js';
import { decode, encode } from '../../src/proto/codec.ts';
import {
  DeltaDiscoveryRequestSchema,
  DeltaDiscoveryResponseSchema,
  DiscoveryRequestSchema,
  DiscoveryResponseSchema,
  ResourceSchema,
} from '../../src/proto/gen/envoy/service/discovery/v3/discovery_pb.ts';

/** A scripted xDS client, written from the protocol text: it sends what the test says and nothing of its own accord. */
export interface RawClient {
  delta(headers?: Readonly<Record<string, string>>): DeltaStream;
  sotw(headers?: Readonly<Record<string, string>>): SotwStream;
  /** A stream of any method: `/package.Service/Method`. */
  stream(path: string, variant: 'delta', headers?: Readonly<Record<string, string>>): DeltaStream;
  stream(path: string, variant: 'sotw', headers?: Readonly<Record<string, string>>): SotwStream;
  close(): void;
}

export interface RawStream<Request extends DescMessage, Response extends DescMessage> {
  send(request: MessageInitShape<Request>): void;
  /** The next response; fails when none comes within the time. */
  next(withinMilliseconds?: number): Promise<MessageShape<Response>>;
  /** Fails when anything comes within the time. */
  silence(milliseconds?: number): Promise<void>;
  /** How many responses have come and were not taken. */
  waiting(): number;
  /** How the server ended the stream. */
  readonly closed: Promise<{ readonly code: status; readonly details: string }>;
  halfClose(): void;
  cancel(): void;
}

export type DeltaStream = RawStream<typeof DeltaDiscoveryRequestSchema, typeof DeltaDiscoveryResponseSchema>;
export type SotwStream = RawStream<typeof DiscoveryRequestSchema, typeof DiscoveryResponseSchema>;

/** Connects to a port of this machine. `receiveLimit`: bytes of a message; without it there is none. */
export function connectRawClient(
  port: number,
  channel: ChannelCredentials = credentials.createInsecure(),
  receiveLimit = -1,
): RawClient {
  const client = new Client(`127.0.0.1:${port}`, channel, {
    'grpc.use_local_subchannel_pool': 1,
    'grpc.max_receive_message_length': receiveLimit,
  });
  const delta = (path: string, headers?: Readonly<Record<string, string>>) =>
    openStream(client, path, DeltaDiscoveryRequestSchema, DeltaDiscoveryResponseSchema, checkDelta, headers);
  const sotw = (path: string, headers?: Readonly<Record<string, string>>) =>
    openStream(client, path, DiscoveryRequestSchema, DiscoveryResponseSchema, checkSotw, headers);
  function stream(path: string, variant: 'delta', headers?: Readonly<Record<string, string>>): DeltaStream;
  function stream(path: string, variant: 'sotw', headers?: Readonly<Record<string, string>>): SotwStream;
  function stream(path: string, variant: 'delta' | 'sotw', headers?: Readonly<Record<string, string>>) {
    return variant === 'delta' ? delta(path, headers) : sotw(path, headers);
  }
  return {
    delta: (headers) => delta(`${aggregated}/DeltaAggregatedResources`, headers),
    sotw: (headers) => sotw(`${aggregated}/StreamAggregatedResources`, headers),
    stream,
    close: () => client.close(),
  };
}

const aggregated = '/envoy.service.discovery.v3.AggregatedDiscoveryService';

function openStream<Request extends DescMessage, Response extends DescMessage>(
  client: Client,
  path: string,
  requestSchema: Request,
  responseSchema: Response,
  check: (response: MessageShape<Response>, nonces: Set<string>) => void,
  headers: Readonly<Record<string, string>> = {},
): RawStream<Request, Response> {
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(headers)) metadata.set(name, value);
  const call = client.makeBidiStreamRequest<MessageInitShape<Request>, MessageShape<Response>>(
    path,
    (request) => Buffer.from(encode(requestSchema, request)),
    (bytes) => decode(responseSchema, bytes),
    metadata,
  );
  const arrived: MessageShape<Response>[] = [];
  const nonces = new Set<string>();
  let wake = () => {};
  let broken: unknown;
  let over: string | undefined;
  call.on('data', (response: MessageShape<Response>) => {
    try {
      check(response, nonces);
    } catch (error) {
      broken = error;
    }
    arrived.push(response);
    wake();
  });
  call.on('error', () => {});
  const closed = new Promise<{ readonly code: status; readonly details: string }>((resolve) => {
    call.on('status', ({ code, details }) => {
      over = `the stream ended: ${code} ${details}`;
      wake();
      resolve({ code, details });
    });
  });

  async function next(within = 5_000): Promise<MessageShape<Response>> {
    const deadline = Date.now() + within;
    for (;;) {
      if (broken !== undefined) throw broken;
      const response = arrived.shift();
      if (response !== undefined) return response;
      if (over !== undefined) throw new Error(over);
      const left = deadline - Date.now();
      if (left <= 0) throw new Error(`no response within ${within} ms`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  return {
    closed,
    next,
    send: (request) => {
      call.write(request);
    },
    waiting: () => arrived.length,
    halfClose: () => call.end(),
    cancel: () => call.cancel(),
    async silence(milliseconds = 100) {
      const response = await next(milliseconds).catch((error: unknown) => {
        if (error instanceof Error && error.message.startsWith('no response within')) return undefined;
        throw error;
      });
      if (response !== undefined) throw new Error(`expected silence, got ${JSON.stringify(response, printable)}`);
    },
  };
}

/** The rules marked "all": X13, X25, X35, X79. */
function checkDelta(response: MessageShape<typeof DeltaDiscoveryResponseSchema>, nonces: Set<string>): void {
  checkCommon(response, nonces);
  const names = [...response.resources.map(({ name }) => name), ...response.removedResources];
  if (new Set(names).size < names.length) throw new Error(`X79: a name twice in ${names.join(' ')}`);
  for (const { name, version, resource, ttl } of response.resources) {
    if (version === '') throw new Error(`X35: ${name} has no version`);
    // Without content are heartbeats (X108) and virtual hosts that do not exist (X111).
    if (resource === undefined && (ttl !== undefined || response.typeUrl.endsWith('.VirtualHost'))) continue;
    if (resource?.typeUrl !== response.typeUrl) throw new Error(`X35: ${name} has the type ${resource?.typeUrl}`);
  }
}

/** The rules marked "all": X13, X25, X35, X61. */
function checkSotw(response: MessageShape<typeof DiscoveryResponseSchema>, nonces: Set<string>): void {
  checkCommon(response, nonces);
  if (response.versionInfo === '') throw new Error('X31: no version_info');
  const names = response.resources.map(sotwName);
  if (new Set(names).size < names.length) throw new Error(`X61: a name twice in ${names.join(' ')}`);
  for (const { typeUrl } of response.resources)
    if (typeUrl !== response.typeUrl && typeUrl !== wrapperType)
      throw new Error(`X35: a resource has the type ${typeUrl}`);
}

function checkCommon(
  response: { readonly nonce: string; readonly controlPlane?: { readonly identifier: string } | undefined },
  nonces: Set<string>,
): void {
  if (response.nonce === '' || nonces.has(response.nonce)) throw new Error(`X25: the nonce "${response.nonce}"`);
  nonces.add(response.nonce);
  if (response.controlPlane === undefined || response.controlPlane.identifier === '')
    throw new Error('X13: no control_plane.identifier');
}

const wrapperType = 'type.googleapis.com/envoy.service.discovery.v3.Resource';

/** The name of a resource in a SotW response: field 1 in every type that the tests use, unless it is wrapped (X107). */
export function sotwName(any: { readonly typeUrl?: string; readonly value: Uint8Array }): string {
  if (any.typeUrl === wrapperType) return decode(ResourceSchema, any.value).name;
  const [tag, length] = any.value;
  if (tag !== 10 || length === undefined || length > 127) throw new Error('the resource does not begin with its name');
  return Buffer.from(any.value.subarray(2, 2 + length)).toString();
}

function printable(_key: string, value: unknown): unknown {
  if (value instanceof Uint8Array) return `<${value.length} bytes>`;
  return typeof value === 'bigint' ? String(value) : value;
}
