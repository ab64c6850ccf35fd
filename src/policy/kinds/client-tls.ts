import type { ClientTls } from '../../model/client-tls.ts';
import type { LowerContext } from '../kind-definition.ts';
import type { Infer } from '../shape.ts';
import { anyText, bool, choice, list, object, row, text } from '../shape-builders.ts';
import { textRules } from '../text-rules.ts';
import { beside, present } from './common.ts';

/** P23: any such block ends automatic mesh TLS for what it covers. */
export const clientTls = object({
  mode: row(
    choice(['DISABLE', 'SIMPLE', 'MUTUAL', 'ISTIO_MUTUAL']),
    'T0',
    'no TLS, TLS with the mesh identity, or TLS origination',
  ),
  // Longer ones Envoy refuses.
  sni: row(text(undefined, { maxLength: 255, allowEmpty: true }), 'T0', 'server name of the connection'),
  subjectAltNames: row(list(text()), 'T0', 'names that the server may have'),
  clientCertificate: row(anyText, 'T1', 'certificate of the client: a file beside the proxy'),
  privateKey: row(anyText, 'T1', 'its key: a file beside the proxy'),
  caCertificates: row(anyText, 'T1', 'roots of the server: a file beside the proxy'),
  caCrl: row(anyText, 'T1', 'revoked certificates: a file beside the proxy'),
  credentialName: row(anyText, 'T1', 'the same by a named secret of the control plane'),
  insecureSkipVerify: row(bool, 'T1', 'any server is believed'),
});

type Written = Infer<typeof clientTls>;
type Field = keyof Written & string;

const files = ['clientCertificate', 'privateKey', 'caCertificates', 'caCrl'] as const;

/** Fields that say nothing in a mode; Istio accepts and ignores them. */
const idle: Readonly<Record<ClientTls['mode'], readonly Field[]>> = {
  DISABLE: ['sni', 'subjectAltNames', 'credentialName', 'insecureSkipVerify', ...files],
  ISTIO_MUTUAL: ['credentialName', 'insecureSkipVerify', ...files],
  SIMPLE: ['clientCertificate', 'privateKey'],
  MUTUAL: [],
};

/** The block at `path`; without a mode it is DISABLE, as in Istio. */
export function lowerClientTls(written: Written, path: string, context: LowerContext): ClientTls {
  const { mode = 'DISABLE', credentialName } = written;
  const originates = mode === 'SIMPLE' || mode === 'MUTUAL';
  const set = (field: Field) => isSet(written[field]);
  if (originates) {
    checkCredential(credentialName, `${path}.credentialName`, context);
    checkExclusive(written, path, context);
    if (mode === 'MUTUAL' && !set('credentialName')) {
      for (const field of ['clientCertificate', 'privateKey'] as const) {
        if (set(field)) continue;
        const message = `expected ${JSON.stringify(field)} with mode MUTUAL`;
        context.report('WEFT0002', path, message, `add ${field}, or credentialName`);
      }
    }
    if (written.insecureSkipVerify === true) {
      const message = 'server certificate is not verified';
      const roots = set('credentialName') ? 'add its ca.crt to the named secret' : 'name it in caCertificates';
      const hint = `remove insecureSkipVerify; if the authority of the server is private, ${roots}`;
      context.report('WEFT0163', `${path}.insecureSkipVerify`, message, hint);
    }
  }
  // With a named secret, files are told to exclude it.
  const silent = idle[mode].filter((field) => set(field) && !(originates && set('credentialName') && isFile(field)));
  const revoked = originates && written.insecureSkipVerify === true && set('caCrl') && !set('credentialName');
  for (const field of [...silent, ...(revoked ? (['caCrl'] as const) : [])]) {
    const message =
      revoked && field === 'caCrl' ? 'has no effect: nothing is verified' : `has no effect with mode ${mode}`;
    context.report('WEFT0132', `${path}.${field}`, message, 'remove it');
  }
  if (originates && set('caCrl') && !set('caCertificates') && !set('credentialName') && !revoked) {
    const hint = 'add caCertificates; without caCrl revoked servers are accepted';
    context.refuse(`${path}.caCrl`, 'T2', 'caCrl without caCertificates', { hint });
  }
  const used = (field: Field) => set(field) && !idle[mode].includes(field);
  const textOf = (field: (typeof files)[number] | 'sni' | 'credentialName') =>
    used(field) ? written[field] : undefined;
  return present<ClientTls>({
    mode,
    sni: textOf('sni'),
    subjectAltNames: used('subjectAltNames') ? [...new Set(written.subjectAltNames)] : [],
    clientCertificate: textOf('clientCertificate'),
    privateKey: textOf('privateKey'),
    // Istio's word for the roots of the system, which hold anyway.
    caCertificates: written.caCertificates === 'system' ? undefined : textOf('caCertificates'),
    caCrl: textOf('caCrl'),
    credentialName: textOf('credentialName'),
    insecureSkipVerify: used('insecureSkipVerify') && written.insecureSkipVerify === true,
  });
}

function isSet(value: Written[Field]): boolean {
  return value !== undefined && value !== '' && value !== false && !(Array.isArray(value) && value.length === 0);
}

function isFile(field: Field): boolean {
  return files.some((file) => file === field);
}

/** The name of a folder of secrets; Istio's other sources of secrets are refused by name. */
function checkCredential(name: string | undefined, field: string, context: LowerContext): void {
  if (name === undefined || name === '') return;
  if (/^[a-z-]+:\/\//.test(name)) {
    context.refuse(field, 'T2', name, { hint: 'write the name of a folder below secrets.directory of weft.yaml' });
    return;
  }
  const expected = textRules.name(name);
  if (expected === undefined) return;
  const hint = 'secrets are folders: <secrets.directory>/<namespace of the client>/<name>';
  context.report('WEFT0002', field, `expected ${expected}, got ${JSON.stringify(name)}`, hint);
}

/** A named secret holds what files would, and nothing verifies where nothing shall. */
function checkExclusive(written: Written, path: string, context: LowerContext): void {
  const exclude = (field: Field, other: Field) => {
    const message = `${field} and ${other} exclude each other`;
    context.report('WEFT0137', `${path}.${field}`, message, 'keep one', beside(context, path, other));
  };
  if (isSet(written.credentialName)) {
    for (const field of files) if (isSet(written[field])) exclude(field, 'credentialName');
  }
  if (written.insecureSkipVerify !== true) return;
  // A named secret of MUTUAL is the client's own certificate, too.
  const verifying = written.mode === 'SIMPLE' ? (['credentialName'] as const) : [];
  for (const field of ['caCertificates', 'subjectAltNames', ...verifying] as const) {
    if (isSet(written[field])) exclude(field, 'insecureSkipVerify');
  }
}
