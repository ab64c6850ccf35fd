import type { MeshTlsParameters } from '../model/ir-destination.ts';
import type { TextMatch } from '../model/ir-route.ts';
import { pack } from '../proto/codec.ts';
import { type TransportSocket, TransportSocketSchema } from '../proto/gen/envoy/config/core/v3/base_pb.ts';
import {
  type CommonTlsContext,
  CommonTlsContext_CombinedCertificateValidationContextSchema,
  type DownstreamTlsContext,
  DownstreamTlsContextSchema,
} from '../proto/gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.ts';
import { message } from '../proto/message.ts';
import { bundleSecret, identitySecret } from './config-source.ts';
import { sanMatchers } from './san-matchers.ts';
import { spiffeMatcher } from './spiffe-matcher.ts';
import { meshTlsParameters } from './tls-parameters.ts';

/**
 * How a workload receives mesh TLS: its own certificate, and a client certificate of the bundle is demanded (P34), of one of `callers`
 * where these are known. No ALPN of its own, else `weft` were chosen and HTTP/2 would break (E14). Sessions are not resumed: a resumed
 * one is never checked against today's bundle and dates, and identity fails closed.
 */
export function downstreamTls(
  callers: readonly TextMatch[] | undefined,
  parameters?: MeshTlsParameters,
): DownstreamTlsContext {
  return message(DownstreamTlsContextSchema, {
    requireClientCertificate: true,
    sessionTicketKeysType: { case: 'disableStatelessSessionResumption', value: true },
    disableStatefulSessionResumption: true,
    commonTlsContext: {
      tlsParams: meshTlsParameters(parameters),
      tlsCertificateSdsSecretConfigs: [identitySecret],
      validationContextType: validation(callers),
    },
  });
}

/** The transport socket of downstreamTls. */
export function downstreamTlsSocket(
  callers: readonly TextMatch[] | undefined,
  parameters?: MeshTlsParameters,
): TransportSocket {
  return message(TransportSocketSchema, {
    name: 'envoy.transport_sockets.tls',
    configType: { case: 'typedConfig', value: pack(DownstreamTlsContextSchema, downstreamTls(callers, parameters)) },
  });
}

function validation(callers: readonly TextMatch[] | undefined): CommonTlsContext['validationContextType'] {
  if (callers === undefined) return { case: 'validationContextSdsSecretConfig', value: bundleSecret };
  return {
    case: 'combinedValidationContext',
    value: message(CommonTlsContext_CombinedCertificateValidationContextSchema, {
      validationContextSdsSecretConfig: bundleSecret,
      defaultValidationContext: { matchTypedSubjectAltNames: sanMatchers(callers.map(spiffeMatcher)) },
    }),
  };
}
