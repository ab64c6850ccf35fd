import type { MeshTlsParameters, TlsParameters as WrittenParameters } from '../model/ir-destination.ts';
import {
  type TlsParameters,
  TlsParameters_TlsProtocol,
  TlsParametersSchema,
} from '../proto/gen/envoy/extensions/transport_sockets/tls/v3/common_pb.ts';
import { message } from '../proto/message.ts';

/** How keys are agreed on in the mesh, the first that both know: stated, so that no version of Envoy changes it (docs/decisions/59). */
export const meshCurves = ['X25519MLKEM768', 'X25519', 'P-256'] as const;

/**
 * Of mesh TLS: 1.3 and nothing else, unless MeshConfig lowers the minimum. An Envoy client stops at 1.2 unless the maximum is
 * stated (E2).
 */
export function meshTlsParameters(written: MeshTlsParameters | undefined): TlsParameters {
  return written === undefined ? standard : parametersOf(written);
}

const standard = parametersOf({});

function parametersOf({ minimum, curves = meshCurves, cipherSuites = [] }: MeshTlsParameters): TlsParameters {
  return message(TlsParametersSchema, {
    tlsMinimumProtocolVersion:
      minimum === '1.2' ? TlsParameters_TlsProtocol.TLSv1_2 : TlsParameters_TlsProtocol.TLSv1_3,
    tlsMaximumProtocolVersion: TlsParameters_TlsProtocol.TLSv1_3,
    cipherSuites: [...cipherSuites],
    ecdhCurves: [...curves],
  });
}

/** TLS 1.2 or 1.3 towards servers outside of the mesh, as in Istio; `parameters` are those of MeshConfig. */
export function originationParameters({ cipherSuites, curves }: WrittenParameters = {}): TlsParameters {
  return message(TlsParametersSchema, {
    tlsMinimumProtocolVersion: TlsParameters_TlsProtocol.TLSv1_2,
    tlsMaximumProtocolVersion: TlsParameters_TlsProtocol.TLSv1_3,
    ...(cipherSuites === undefined ? {} : { cipherSuites: [...cipherSuites] }),
    ...(curves === undefined ? {} : { ecdhCurves: [...curves] }),
  });
}

/** The ALPN word by which an inbound listener knows a mesh peer from a program's own TLS (E14). */
export const meshProtocol = 'weft';

/** The same of a peer whose bytes are no HTTP, to ports that declare no protocol (P28). */
export const meshBytesProtocol = 'weft-bytes';
