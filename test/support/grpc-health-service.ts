import { createServer } from 'node:http2';

export interface HealthService {
  /** 1 is serving, 2 is not. */
  status: number;
  /** How often it was asked. */
  asked: number;
  close(): void;
}

/** `grpc.health.v1.Health/Check`, by hand: one message with the field `status`. */
export function startHealthService(where: { readonly address: string; readonly port: number }): Promise<HealthService> {
  const server = createServer();
  const service: HealthService = { status: 1, asked: 0, close: () => server.close() };
  server.on('stream', (stream) => {
    service.asked += 1;
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    stream.end(Buffer.from([0, 0, 0, 0, 2, 8, service.status]));
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(where.port, where.address, () => resolve(service));
  });
}
