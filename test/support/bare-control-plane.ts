import { createHash, X509Certificate } from 'node:crypto';
import { type ServiceDefinition as GrpcServiceDefinition, Server, ServerCredentials, status } from '@grpc/grpc-js';
import { openAuthority } from '../../src/ca/authority.ts';
import { readCsr } from '../../src/ca/csr.ts';
import { Failure } from '../../src/model/failure.ts';
import { systemClock } from '../../src/model/state-store.ts';
import { AggregatedDiscoveryService } from '../../src/proto/gen/envoy/service/discovery/v3/ads_pb.ts';
import type { DeltaDiscoveryRequest } from '../../src/proto/gen/envoy/service/discovery/v3/discovery_pb.ts';
import { Identity } from '../../src/proto/gen/weft/v1/identity_pb.ts';
import { Membership } from '../../src/proto/gen/weft/v1/membership_pb.ts';
import { serviceDefinition } from '../../src/proto/services.ts';
import { memoryStore } from './memory-store.ts';
import type { SelfSigned } from './self-signed.ts';

/** A delta stream as far as these tests speak it. */
export interface DeltaCall {
  write(response: object): void;
  emit(event: string, value: unknown): void;
  on(event: 'data', listener: (request: DeltaDiscoveryRequest) => void): void;
}

export interface Goodbye {
  readonly nodeId: string;
  readonly authorization: unknown;
}

export interface BareControlPlane {
  readonly port: number;
  /** SHA-256 of its root, hex. */
  readonly fingerprint: string;
  /** Who said goodbye, in order. */
  readonly goodbyes: readonly Goodbye[];
  close(): void;
}

/** The xDS port and nothing behind it: what a stream gets is up to the test. */
export async function startBareControlPlane(
  certificate: SelfSigned,
  onStream: (call: DeltaCall) => void,
): Promise<BareControlPlane> {
  const server = new Server();
  const goodbyes: Goodbye[] = [];
  server.addService(serviceDefinition(AggregatedDiscoveryService) as unknown as GrpcServiceDefinition, {
    streamAggregatedResources: (call: DeltaCall) => onStream(call),
    deltaAggregatedResources: (call: DeltaCall) => onStream(call),
  });
  server.addService(serviceDefinition(Membership) as unknown as GrpcServiceDefinition, {
    leave(
      call: { request: { nodeId: string }; metadata: { get(name: string): unknown[] } },
      answer: (error: null, value: object) => void,
    ) {
      goodbyes.push({ nodeId: call.request.nodeId, authorization: call.metadata.get('authorization')[0] });
      answer(null, { callersPending: 0 });
    },
  });
  const authority = await openAuthority({ store: memoryStore(), clock: systemClock, trustDomain: 'demo.mesh' });
  server.addService(serviceDefinition(Identity) as unknown as GrpcServiceDefinition, {
    enrol(call: { request: { csr: Uint8Array } }, answer: (error: null, value: object) => void) {
      const request = readCsr(call.request.csr);
      if (request instanceof Failure) throw request;
      const identity = { trustDomain: 'demo.mesh', namespace: 'shop', serviceAccount: 'payments' };
      const { certificateChain } = authority.sign(identity, request.publicKey);
      answer(null, { certificateChain, roots: [], renewIn: 3_600_000n, endsIn: 7_200_000n });
    },
    renew: (_call: unknown, answer: (error: object) => void) => answer({ code: status.UNIMPLEMENTED }),
    redeem: (_call: unknown, answer: (error: null, value: object) => void) => answer(null, { bearer: '' }),
  });
  const pair = { private_key: Buffer.from(certificate.key), cert_chain: Buffer.from(certificate.certificate) };
  const credentials = ServerCredentials.createSsl(null, [pair]);
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', credentials, (error, bound) => (error === null ? resolve(bound) : reject(error))),
  );
  const fingerprint = createHash('sha256').update(new X509Certificate(certificate.certificate).raw).digest('hex');
  return {
    port,
    fingerprint,
    goodbyes,
    close() {
      authority.dispose();
      server.forceShutdown();
    },
  };
}

/** Answers each type's first request with nothing: an empty configuration is a configuration. */
export function serveEmpty(call: DeltaCall): void {
  const seen = new Set<string>();
  call.on('data', ({ typeUrl }) => {
    if (seen.has(typeUrl)) return;
    seen.add(typeUrl);
    call.write({ typeUrl, nonce: `${seen.size}`, systemVersionInfo: '1' });
  });
}

/** Turns every stream down with these words. */
export function refuseWith(words: string): (call: DeltaCall) => void {
  return (call) => call.emit('error', { code: status.UNAUTHENTICATED, details: words });
}
