import type { PeerSecurity } from '../model/ir.ts';
import { pack } from '../proto/codec.ts';
import { type TransportSocket, TransportSocketSchema } from '../proto/gen/envoy/config/core/v3/base_pb.ts';
import { SubjectAltNameMatcher_SanType } from '../proto/gen/envoy/extensions/transport_sockets/tls/v3/common_pb.ts';
import {
  type UpstreamTlsContext,
  UpstreamTlsContextSchema,
} from '../proto/gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.ts';
import { message } from '../proto/message.ts';
import { bundleSecret, identitySecret } from './config-source.ts';
import { meshProtocol, tlsParameters } from './tls-parameters.ts';

/** Stands where no peer is accepted: Envoy takes an empty list of names as "any name", no certificate holds this one (P36). */
const nobody = 'weft:nobody';

/**
 * How a caller speaks mesh TLS: its own certificate, the bundle, and exactly the SPIFFE IDs that the destination may present (E11,
 * P36). ALPN is `weft` alone, so that one cluster serves every HTTP version (E14, R2).
 */
export function upstreamTls(security: Extract<PeerSecurity, { kind: 'mesh' }>): UpstreamTlsContext {
  const accepted = security.accepted.length === 0 ? [nobody] : security.accepted;
  return message(UpstreamTlsContextSchema, {
    sni: security.serverName,
    commonTlsContext: {
      tlsParams: tlsParameters,
      alpnProtocols: [meshProtocol],
      tlsCertificateSdsSecretConfigs: [identitySecret],
      validationContextType: {
        case: 'combinedValidationContext',
        value: {
          validationContextSdsSecretConfig: bundleSecret,
          defaultValidationContext: {
            matchTypedSubjectAltNames: accepted.map((id) => ({
              sanType: SubjectAltNameMatcher_SanType.URI,
              matcher: { matchPattern: { case: 'exact' as const, value: id } },
            })),
          },
        },
      },
    },
  });
}

/** The transport socket of upstreamTls. */
export function upstreamTlsSocket(security: Extract<PeerSecurity, { kind: 'mesh' }>): TransportSocket {
  return message(TransportSocketSchema, {
    name: 'envoy.transport_sockets.tls',
    configType: { case: 'typedConfig', value: pack(UpstreamTlsContextSchema, upstreamTls(security)) },
  });
}
