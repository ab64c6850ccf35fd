import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import {
  Server as GrpcServer,
  ServerCredentials,
  type ServerUnaryCall,
  type ServiceDefinition,
  type sendUnaryData,
} from '@grpc/grpc-js';
import {
  type CheckRequest,
  CheckRequestSchema,
  type CheckResponse,
  CheckResponseSchema,
} from '../../src/proto/gen/envoy/service/auth/v3/external_auth_pb.ts';
import { StatusCode } from '../../src/proto/gen/envoy/type/v3/http_status_pb.ts';
import type { Place } from './echo-servers.ts';

const service: ServiceDefinition = {
  check: {
    path: '/envoy.service.auth.v3.Authorization/Check',
    requestStream: false,
    responseStream: false,
    requestSerialize: (request: CheckRequest) => Buffer.from(toBinary(CheckRequestSchema, request)),
    requestDeserialize: (bytes: Buffer) => fromBinary(CheckRequestSchema, bytes),
    responseSerialize: (answer: CheckResponse) => Buffer.from(toBinary(CheckResponseSchema, answer)),
    responseDeserialize: (bytes: Buffer) => fromBinary(CheckResponseSchema, bytes),
  },
};

/** An authorizer as Envoy asks it, about requests and connections: what it heard, and "no" where `allows` says so. */
export async function listenAuthorizer(
  { address, port }: Place,
  allows: (request: CheckRequest) => boolean,
): Promise<{ readonly heard: CheckRequest[]; readonly close: () => void }> {
  const heard: CheckRequest[] = [];
  const server = new GrpcServer();
  server.addService(service, {
    check({ request }: ServerUnaryCall<CheckRequest, CheckResponse>, answer: sendUnaryData<CheckResponse>) {
      heard.push(request);
      const denied = {
        case: 'deniedResponse' as const,
        value: { status: { code: StatusCode.TooManyRequests }, body: 'not by gRPC' },
      };
      const allowed = allows(request);
      answer(
        null,
        create(CheckResponseSchema, {
          status: { code: allowed ? 0 : 7 },
          httpResponse: allowed ? { case: 'okResponse', value: {} } : denied,
        }),
      );
    },
  });
  await new Promise<void>((resolve, reject) =>
    server.bindAsync(`${address}:${port}`, ServerCredentials.createInsecure(), (error) =>
      error ? reject(error) : resolve(),
    ),
  );
  return { heard, close: () => server.forceShutdown() };
}
