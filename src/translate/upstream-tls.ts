import type { PeerSecurity } from '../model/ir-destination.ts';
import { pack } from '../proto/codec.ts';
import { type TransportSocket, TransportSocketSchema } from '../proto/gen/envoy/config/core/v3/base_pb.ts';
import {
  type UpstreamTlsContext,
  UpstreamTlsContextSchema,
} from '../proto/gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.ts';
import { message } from '../proto/message.ts';
import { bundleSecret, identitySecret } from './config-source.ts';
import { sanMatchers } from './san-matchers.ts';
import { stringMatcher } from './text-matcher.ts';
import { meshProtocol, tlsParameters } from './tls-parameters.ts';

/**
 * How a caller speaks mesh TLS: its own certificate, the bundle, and exactly the SPIFFE IDs that the destination may present (E11,
 * P36). ALPN is `weft` alone, so that one cluster serves every HTTP version (E14, R2).
 */
export function upstreamTls(security: Extract<PeerSecurity, { kind: 'mesh' }>): UpstreamTlsContext {
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
            matchTypedSubjectAltNames: sanMatchers(
              security.accepted.map((id) => stringMatcher({ kind: 'exact', value: id })),
            ),
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
