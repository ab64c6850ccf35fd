import type { DescMessage, DescMethod, DescService, MessageInitShape, MessageShape } from '@bufbuild/protobuf';
import { decode, encode } from './codec.ts';

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

/** The grpc-js definition of a generated service: every byte goes through our codec (section 7.1). */
export function serviceDefinition<Service extends DescService>(service: Service): ServiceDefinition<Service> {
  const methods = service.methods.map((method) => [method.localName, withOurCodec(method)] as const);
  return Object.fromEntries(methods) as ServiceDefinition<Service>;
}

function withOurCodec(method: DescMethod): Method<DescMessage, DescMessage> {
  const { methodKind: kind, input, output } = method;
  return {
    path: `/${method.parent.typeName}/${method.name}`,
    requestStream: kind === 'client_streaming' || kind === 'bidi_streaming',
    responseStream: kind === 'server_streaming' || kind === 'bidi_streaming',
    originalName: method.name,
    requestSerialize: (value) => toBuffer(input, value),
    requestDeserialize: (bytes) => decode(input, bytes),
    responseSerialize: (value) => toBuffer(output, value),
    responseDeserialize: (bytes) => decode(output, bytes),
  };
}

/** grpc-js asks for a Buffer; the memory is shared, not copied. */
function toBuffer(schema: DescMessage, value: Outgoing<DescMessage>): Buffer {
  const bytes = value instanceof Uint8Array ? value : encode(schema, value);
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
