import { names, refused } from '../shape.ts';

export const clientTls = refused(
  'T1',
  names(
    'mode',
    'sni',
    'subjectAltNames',
    'clientCertificate',
    'privateKey',
    'caCertificates',
    'caCrl',
    'credentialName',
    'insecureSkipVerify',
  ),
);
