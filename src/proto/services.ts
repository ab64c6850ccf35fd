import { readFileSync } from 'node:fs';
import type { DescMessage, DescMethod, DescService, MessageInitShape, MessageShape } from '@bufbuild/protobuf';
import { loadFileDescriptorSetFromBuffer, type PackageDefinition } from '@grpc/proto-loader';
import { decode, encode } from './codec.ts';
import { CodecError } from './codec-error.ts';

/** What a handler may write: a message, its fields, or bytes that were encoded before and pass through untouched. */
export type Outgoing<Desc extends DescMessage> = MessageShape<Desc> | MessageInitShape<Desc> | Uint8Array;

/** One method as grpc-js takes it, with both directions typed apart: what is written may be bytes, what is read never is. */
export interface Method<Input extends DescMessage, Output extends DescMessage> {
  readonly path: string;
  readonly requestStream: boolean;
  readonly responseStream: boolean;
  readonly originalName: string;
  readonly requestSerialize: (value: Outgoing<Input>) => Buffer;
  readonly requestDeserialize: (bytes: Buffer) => MessageShape<Input>;
  readonly responseSerialize: (value: Outgoing<Output>) => Buffer;
  readonly responseDeserialize: (bytes: Buffer) => MessageShape<Output>;
}

/** A service as grpc-js takes it: `server.addService(definition, { streamAggregatedResources(call) {…} })`. */
export type ServiceDefinition<Service extends DescService> = {
  readonly [Name in keyof Service['method']]: Method<
    Service['method'][Name]['input'],
    Service['method'][Name]['output']
  >;
};

/**
 * The grpc-js definition of a generated service. proto-loader gives paths and streaming flags, and nothing else: every
 * byte goes through our codec (section 7.1). Throws CodecError for a service that is not in the descriptor set.
 */
export function serviceDefinition<Service extends DescService>(service: Service): ServiceDefinition<Service> {
  const loaded = packageDefinition()[service.typeName];
  if (loaded === undefined || 'format' in loaded)
    throw new CodecError(service.typeName, '', 'no such service in the descriptor set');
  const methods = service.methods.map((method) => {
    const shape = loaded[method.name];
    if (shape === undefined) throw new CodecError(service.typeName, method.name, 'no such method');
    return [method.localName, withOurCodec(method, shape)] as const;
  });
  return Object.fromEntries(methods) as ServiceDefinition<Service>;
}

interface MethodShape {
  readonly path: string;
  readonly requestStream: boolean;
  readonly responseStream: boolean;
}

function withOurCodec(method: DescMethod, shape: MethodShape): Method<DescMessage, DescMessage> {
  return {
    path: shape.path,
    requestStream: shape.requestStream,
    responseStream: shape.responseStream,
    originalName: method.name,
    requestSerialize: (value) => toBuffer(method.input, value),
    requestDeserialize: (bytes) => decode(method.input, bytes),
    responseSerialize: (value) => toBuffer(method.output, value),
    responseDeserialize: (bytes) => decode(method.output, bytes),
  };
}

/** grpc-js asks for a Buffer; the memory is shared, not copied. */
function toBuffer(schema: DescMessage, value: Outgoing<DescMessage>): Buffer {
  const bytes = value instanceof Uint8Array ? value : encode(schema, value);
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

let loadedPackage: PackageDefinition | undefined;

function packageDefinition(): PackageDefinition {
  loadedPackage ??= loadFileDescriptorSetFromBuffer(
    readFileSync(new URL('./gen/descriptor-set.binpb', import.meta.url)),
  );
  return loadedPackage;
}
