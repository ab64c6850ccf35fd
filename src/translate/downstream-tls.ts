import { pack } from '../proto/codec.ts';
import { type TransportSocket, TransportSocketSchema } from '../proto/gen/envoy/config/core/v3/base_pb.ts';
import {
  type DownstreamTlsContext,
  DownstreamTlsContextSchema,
} from '../proto/gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.ts';
import { message } from '../proto/message.ts';
import { bundleSecret, identitySecret } from './config-source.ts';
import { tlsParameters } from './tls-parameters.ts';

/**
 * How a workload receives mesh TLS: its own certificate, and a client certificate of the bundle is demanded (P34). No ALPN of its
 * own, else `weft` were chosen and HTTP/2 would break (E14). Sessions are not resumed: a resumed one is never checked against
 * today's bundle and dates, and identity fails closed.
 */
export const downstreamTls: DownstreamTlsContext = message(DownstreamTlsContextSchema, {
  requireClientCertificate: true,
  sessionTicketKeysType: { case: 'disableStatelessSessionResumption', value: true },
  disableStatefulSessionResumption: true,
  commonTlsContext: {
    tlsParams: tlsParameters,
    tlsCertificateSdsSecretConfigs: [identitySecret],
    validationContextType: { case: 'validationContextSdsSecretConfig', value: bundleSecret },
  },
});

/** The transport socket of downstreamTls. */
export const downstreamTlsSocket: TransportSocket = message(TransportSocketSchema, {
  name: 'envoy.transport_sockets.tls',
  configType: { case: 'typedConfig', value: pack(DownstreamTlsContextSchema, downstreamTls) },
});
