import { anything, names, object, refused, row } from '../shape.ts';

export const clientTls = refused(
  'T1',
  object({
    mode: row(anything, 'T0', 'no TLS, TLS with the mesh identity, or TLS origination'),
    sni: row(anything, 'T0', 'server name of the connection'),
    subjectAltNames: row(anything, 'T0', 'names that the server may have'),
    ...names('clientCertificate', 'privateKey', 'caCertificates', 'caCrl', 'credentialName', 'insecureSkipVerify')
      .fields,
  }),
);
