import { createSecureContext } from 'node:tls';
import type { DescMessage, MessageInitShape, MessageShape } from '@bufbuild/protobuf';
import { Client, credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { Failure } from '../model/failure.ts';
import type { Millis } from '../model/policy.ts';
import { type CertificateResponse, Identity } from '../proto/gen/weft/v1/identity_pb.ts';
import { Membership, type Refusal, type ServicePort } from '../proto/gen/weft/v1/membership_pb.ts';
import { type Method, serviceDefinition } from '../proto/services.ts';
import type { ControlPlaneAddress } from './bootstrap.ts';
import { notPinned } from './diagnose-connection.ts';
import { isOwnIdentity, keyPair, type SidecarCredential } from './own-identity.ts';
import { probeOf } from './probe-message.ts';
import type { HealthAnswer, HealthReport } from './probe-watch.ts';
import { parseRefusal } from './refusal.ts';
import type { TrustAnswer } from './trust-watch.ts';

/** What a sidecar's helper asks of the control plane besides xDS, over TLS 1.3 with the pinned root and the proxy's own credential. */
export interface ControlPlaneClient {
  /**
   * Says goodbye (E37): resolves when the callers have acknowledged that the endpoint is gone, with the number of those that had not
   * when the control plane stopped waiting. Rejects with Failure WEFT0304, WEFT0901, WEFT0902 or the code that the refusal carries.
   */
  leave(nodeId: string, deadline: number): Promise<number>;
  /** What this proxy does not get of its newest configuration since it was refused. Rejects as `leave` does. */
  refusals(nodeId: string, deadline: number): Promise<readonly Refusal[]>;
  /** The service ports that lead to this workload; empty while there are none. Rejects as `leave` does. */
  addresses(nodeId: string, deadline: number): Promise<readonly ServicePort[]>;
  /** What is to be probed at this workload; `report` tells what was found. Rejects as `leave` does. */
  health(nodeId: string, report: HealthReport | undefined, deadline: number): Promise<HealthAnswer>;
  /** Spends a use of the token for a certificate of the key that signed the request (DER). `claims`: the node's metadata, JSON. Rejects as `leave` does. */
  enrol(nodeId: string, csr: Uint8Array, claims: string, deadline: number): Promise<IssuedIdentity>;
  /** A further certificate, by the one that this client shows. Rejects as `leave` does. */
  renew(csr: Uint8Array, deadline: number): Promise<IssuedIdentity>;
  /** Spends a use of the token for a bearer that a bare Envoy can send; empty where the token is one. Rejects as `leave` does. */
  redeem(nodeId: string, claims: string, deadline: number): Promise<string>;
  /** Which roots speak for the control plane; `pinned`: the fingerprints of those by which it is known here. Rejects as `leave` does. */
  trust(nodeId: string, pinned: readonly string[], deadline: number): Promise<TrustAnswer>;
  close(): void;
}

/** A certificate that was signed for a key of our own. */
export interface IssuedIdentity {
  /** PEM, leaf first. */
  readonly certificateChain: string;
  /** From now. */
  readonly renewIn: Millis;
  readonly endsIn: Millis;
}

/** `deadline`s of the calls are in milliseconds from now. Nothing connects before the first call. A certificate is read now, and not again. */
export function createControlPlaneClient(
  controlPlane: ControlPlaneAddress,
  credential: SidecarCredential,
): ControlPlaneClient {
  const { host, port, serverName, rootPem } = controlPlane;
  const target = host.includes(':') ? `ipv6:[${host}]:${port}` : `${host}:${port}`;
  const own = isOwnIdentity(credential) ? keyPair(credential.identityFolder) : undefined;
  const secure = createSecureContext({ ca: rootPem, minVersion: 'TLSv1.3', ...own });
  const client = new Client(target, credentials.createFromSecureContext(secure), {
    'grpc.ssl_target_name_override': serverName,
    'grpc.default_authority': serverName,
    'grpc.enable_http_proxy': 0,
  });
  const methods = { ...serviceDefinition(Membership), ...serviceDefinition(Identity) };
  const ask = <Input extends DescMessage, Output extends DescMessage>(
    method: Method<Input, Output>,
    request: MessageInitShape<Input>,
    deadline: number,
  ): Promise<MessageShape<Output>> => {
    const metadata = new Metadata();
    if (!isOwnIdentity(credential)) metadata.set('authorization', `Bearer ${credential.expose()}`);
    return new Promise((resolve, reject) => {
      client.makeUnaryRequest(
        method.path,
        method.requestSerialize,
        method.responseDeserialize,
        request,
        metadata,
        { deadline: Date.now() + deadline },
        (error: ServiceError | null, response?: MessageShape<Output>) => {
          if (error === null && response !== undefined) resolve(response);
          else reject(failureOf(error, `${host}:${port}`));
        },
      );
    });
  };
  return {
    leave: async (nodeId, deadline) => (await ask(methods.leave, { nodeId }, deadline)).callersPending,
    refusals: async (nodeId, deadline) => (await ask(methods.refusals, { nodeId }, deadline)).refusals,
    addresses: async (nodeId, deadline) => (await ask(methods.addresses, { nodeId }, deadline)).ports,
    async health(nodeId, report, deadline) {
      const { joined, group, version, probe } = await ask(methods.health, { nodeId, ...report }, deadline);
      const wanted = probe && probeOf(probe);
      return { joined, group, version: wanted === undefined ? '' : version, ...(wanted && { probe: wanted }) };
    },
    enrol: async (nodeId, csr, claims, deadline) =>
      issuedIn(await ask(methods.enrol, { nodeId, csr, metadata: claims }, deadline)),
    renew: async (csr, deadline) => issuedIn(await ask(methods.renew, { csr }, deadline)),
    redeem: async (nodeId, claims, deadline) =>
      (await ask(methods.redeem, { nodeId, metadata: claims }, deadline)).bearer,
    async trust(nodeId, pinned, deadline) {
      const { roots, renew, askAgainIn } = await ask(methods.trust, { nodeId, pinned: [...pinned] }, deadline);
      return { roots, renew, askAgainIn: Number(askAgainIn) };
    },
    close: () => client.close(),
  };
}

function issuedIn({ certificateChain, renewIn, endsIn }: CertificateResponse): IssuedIdentity {
  return { certificateChain, renewIn: Number(renewIn), endsIn: Number(endsIn) };
}

function failureOf(error: ServiceError | null, where: string): Failure {
  if (error === null)
    return new Failure('WEFT0911', `the answer of ${where} is empty`, 'is it of the same version?', where);
  const isRefusal = error.code === status.UNAUTHENTICATED || error.code === status.PERMISSION_DENIED;
  if (isRefusal || /^WEFT\d{4} /.test(error.details)) return parseRefusal(error.details, where);
  // grpc-js tells of the last connection it tried; of a certificate by the words of OpenSSL.
  const words = error.details.replace(/\.?\s*(Last error: null\.?\s*)?Resolution note:.*$/s, '');
  if (/certificate|unable to verify/i.test(words)) return notPinned(where);
  return new Failure(
    'WEFT0901',
    `control plane ${where} did not answer: ${words}`,
    'check that "weft up" or "weft server" runs there and that the port is open',
    where,
  );
}
