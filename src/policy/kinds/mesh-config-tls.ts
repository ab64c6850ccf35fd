import type { TlsParameters } from '../../model/ir-destination.ts';
import type { LowerContext } from '../kind-definition.ts';
import type { Infer } from '../shape.ts';
import { anyText, list, object, refused, text } from '../shape-builders.ts';
import { present } from './common.ts';

/** `tlsDefaults`: of all TLS that is no mesh TLS. Istio reads no version here, either. */
export const tlsDefaults = object({
  minProtocolVersion: refused('never', anyText),
  cipherSuites: list(text()),
  ecdhCurves: list(text()),
});

/** What Envoy's TLS knows, of TLS 1.2: those of 1.3 cannot be chosen. One that it does not know would make it refuse every cluster. */
const suites = [
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

export function lowerTlsDefaults(written: Infer<typeof tlsDefaults>, context: LowerContext): TlsParameters {
  const known = (field: 'cipherSuites' | 'ecdhCurves', names: readonly string[]) => {
    const hint = `remove it, but keep one of ${names.join(', ')}: without any all of them are offered`;
    const values = [...new Set(written[field])];
    values.forEach((value) => {
      if (names.includes(value)) return;
      context.refuse(`tlsDefaults.${field}[${written[field]?.indexOf(value)}]`, 'never', value, { hint });
    });
    return values.length === 0 ? undefined : values;
  };
  return present<TlsParameters>({ cipherSuites: known('cipherSuites', suites), curves: known('ecdhCurves', curves) });
}
