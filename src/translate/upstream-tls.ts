import type { PeerSecurity, TlsOrigination } from '../model/ir-destination.ts';
import { pack } from '../proto/codec.ts';
import { type TransportSocket, TransportSocketSchema } from '../proto/gen/envoy/config/core/v3/base_pb.ts';
import {
  type CommonTlsContext,
  CommonTlsContext_CombinedCertificateValidationContextSchema,
  type UpstreamTlsContext,
  UpstreamTlsContextSchema,
} from '../proto/gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.ts';
import { message } from '../proto/message.ts';
import { bundleSecret, identitySecret, secretConfig } from './config-source.ts';
import { keysSecretName, rootsSecretName } from './names.ts';
import { sanMatchers, serverMatchers } from './san-matchers.ts';
import { stringMatcher } from './text-matcher.ts';
import { meshProtocol, meshTlsParameters, originationParameters } from './tls-parameters.ts';

type Secured = Exclude<PeerSecurity, { kind: 'plain' }>;

/**
 * How a caller speaks mesh TLS: its own certificate, the bundle, and exactly the SPIFFE IDs that the destination may present (E11,
 * P36). ALPN is `weft` alone, so that one cluster serves every HTTP version (E14, R2).
 */
export function upstreamTls(security: Extract<PeerSecurity, { kind: 'mesh' }>): UpstreamTlsContext {
  return message(UpstreamTlsContextSchema, {
    sni: security.serverName,
    commonTlsContext: {
      tlsParams: meshTlsParameters(security.meshParameters?.value),
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

/**
 * TLS in place of the program (P48). No ALPN of its own: Envoy then offers the HTTP version that it is about to speak, which is the
 * caller's (R2). Keys and roots come by SDS, files too: a file that is missing must not make Envoy refuse the cluster.
 */
export function originatedTls({ serverName, server, client, parameters }: TlsOrigination): UpstreamTlsContext {
  return message(UpstreamTlsContextSchema, {
    ...(serverName === undefined ? {} : { sni: serverName }),
    commonTlsContext: {
      tlsParams: originationParameters(parameters),
      tlsCertificateSdsSecretConfigs: client === undefined ? [] : [secretConfig(keysSecretName(client))],
      ...(server === undefined ? {} : { validationContextType: serverValidation(server) }),
    },
  });
}

function serverValidation({
  roots,
  names,
}: NonNullable<TlsOrigination['server']>): CommonTlsContext['validationContextType'] {
  // The host of the request is set for each connection (`auto_san_validation`), in place of this list.
  const matchTypedSubjectAltNames = names === 'request' ? [] : serverMatchers(names);
  return {
    case: 'combinedValidationContext',
    value: message(CommonTlsContext_CombinedCertificateValidationContextSchema, {
      validationContextSdsSecretConfig: secretConfig(rootsSecretName(roots)),
      defaultValidationContext: { matchTypedSubjectAltNames },
    }),
  };
}

/** The transport socket of a destination's TLS. */
export function upstreamTlsSocket(security: Secured): TransportSocket {
  const context = security.kind === 'mesh' ? upstreamTls(security) : originatedTls(security);
  return message(TransportSocketSchema, {
    name: 'envoy.transport_sockets.tls',
    configType: { case: 'typedConfig', value: pack(UpstreamTlsContextSchema, context) },
  });
}
