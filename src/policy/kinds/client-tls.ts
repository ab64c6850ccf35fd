import { anyText, bool, choice, list, object, refused, row, text } from '../shape-builders.ts';

export const clientTls = refused(
  'T1',
  object({
    mode: row(
      choice(['DISABLE', 'SIMPLE', 'MUTUAL', 'ISTIO_MUTUAL']),
      'T0',
      'no TLS, TLS with the mesh identity, or TLS origination',
    ),
    sni: row(anyText, 'T0', 'server name of the connection'),
    subjectAltNames: row(list(text()), 'T0', 'names that the server may have'),
    clientCertificate: anyText,
    privateKey: anyText,
    caCertificates: anyText,
    caCrl: anyText,
    credentialName: anyText,
    insecureSkipVerify: bool,
  }),
);
