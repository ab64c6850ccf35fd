import type { MeshTlsParameters, TlsParameters } from '../../model/ir-destination.ts';
import type { LowerContext } from '../kind-definition.ts';
import type { Infer } from '../shape.ts';
import { anyText, choice, list, object, refused, text } from '../shape-builders.ts';
import { beside, present } from './common.ts';

/** `meshMTLS`: of TLS between sidecars. Istio leaves its `ecdhCurves` unread; here they act. */
export const meshTls = object({
  minProtocolVersion: choice(['TLS_AUTO', 'TLSV1_2', 'TLSV1_3']),
  cipherSuites: list(text()),
  ecdhCurves: list(text()),
});

/** `tlsDefaults`: of all TLS that is no mesh TLS. Istio reads no version here, either. */
export const tlsDefaults = object({
  minProtocolVersion: refused('never', anyText),
  cipherSuites: list(text()),
  ecdhCurves: list(text()),
});

/** What Envoy's TLS knows, of TLS 1.2: those of 1.3 cannot be chosen. One that it does not know would make it refuse every cluster. */
const suites: readonly string[] = [
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
  'ECDHE-ECDSA-AES128-SHA',
  'ECDHE-RSA-AES128-SHA',
  'ECDHE-ECDSA-AES256-SHA',
  'ECDHE-RSA-AES256-SHA',
  'AES128-GCM-SHA256',
  'AES256-GCM-SHA384',
  'AES128-SHA',
  'AES256-SHA',
  'ECDHE-ECDSA-AES128-SHA256',
  'ECDHE-RSA-AES128-SHA256',
  'DES-CBC3-SHA',
];
const curves = ['X25519', 'P-256', 'P-384', 'P-521', 'X25519MLKEM768'];

type Names = { readonly cipherSuites?: readonly string[]; readonly ecdhCurves?: readonly string[] };

export function lowerTlsDefaults(written: Infer<typeof tlsDefaults>, context: LowerContext): TlsParameters {
  return parametersOf('tlsDefaults', written, context);
}

/**
 * The parameters of mesh TLS; undefined: what holds anyway. Suites are those of TLS 1.2 alone, so with 1.3 as the least version they
 * would choose nothing (WEFT0137).
 */
export function lowerMeshTls(written: Infer<typeof meshTls>, context: LowerContext): MeshTlsParameters | undefined {
  const { minProtocolVersion = 'TLS_AUTO' } = written;
  const parameters = parametersOf('meshMTLS', written, context);
  const { cipherSuites } = parameters;
  if (minProtocolVersion !== 'TLSV1_2') {
    if (cipherSuites !== undefined) {
      const other = written.minProtocolVersion === undefined ? '' : 'minProtocolVersion';
      const message = `cipherSuites and TLS 1.3 as the least version exclude each other`;
      const hint = 'remove them: those of TLS 1.3 cannot be chosen; or write minProtocolVersion: TLSV1_2';
      const related = other === '' ? {} : beside(context, 'meshMTLS', other);
      context.report('WEFT0137', 'meshMTLS.cipherSuites', message, hint, related);
    }
    return parameters.curves && { curves: parameters.curves };
  }
  if (cipherSuites?.every((suite) => suites.includes(suite) && !suite.startsWith('ECDHE-ECDSA-'))) {
    const message = 'has no effect but to end TLS 1.2: the keys of certificates of the mesh are ECDSA';
    context.report(
      'WEFT0132',
      'meshMTLS.cipherSuites',
      message,
      'name one that begins with ECDHE-ECDSA-, or remove it',
    );
  }
  return { ...parameters, minimum: '1.2' };
}

function parametersOf(block: 'tlsDefaults' | 'meshMTLS', written: Names, context: LowerContext): TlsParameters {
  const known = (field: keyof Names, names: readonly string[]) => {
    const offered = block === 'meshMTLS' && field === 'ecdhCurves' ? 'X25519MLKEM768, X25519 and P-256' : 'all of them';
    const hint = `remove it, but keep one of ${names.join(', ')}: without any ${offered} are offered`;
    const values = [...new Set(written[field])];
    values.forEach((value) => {
      if (names.includes(value)) return;
      context.refuse(`${block}.${field}[${written[field]?.indexOf(value)}]`, 'never', value, { hint });
    });
    return values.length === 0 ? undefined : values;
  };
  return present<TlsParameters>({ cipherSuites: known('cipherSuites', suites), curves: known('ecdhCurves', curves) });
}
