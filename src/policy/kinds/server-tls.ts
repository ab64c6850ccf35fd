import { anyText, bool, choice, list, object, row, text } from '../shape-builders.ts';

const version = choice(['TLS_AUTO', 'TLSV1_0', 'TLSV1_1', 'TLSV1_2', 'TLSV1_3']);
const certificate = { serverCertificate: anyText, privateKey: anyText, caCertificates: anyText };

/** TLS towards those who connect, of a Gateway's server or a Sidecar's ingress. */
export const serverTls = object(
  {
    httpsRedirect: bool,
    mode: choice(['PASSTHROUGH', 'SIMPLE', 'MUTUAL', 'OPTIONAL_MUTUAL', 'ISTIO_MUTUAL', 'AUTO_PASSTHROUGH']),
    credentialName: anyText,
    credentialNames: list(text(), { min: 1, max: 2 }),
    caCertCredentialName: anyText,
    ...certificate,
    caCrl: anyText,
    tlsCertificates: list(object(certificate), { min: 1, max: 2 }),
    subjectAltNames: list(text()),
    verifyCertificateSpki: list(text()),
    verifyCertificateHash: list(text()),
    minProtocolVersion: version,
    maxProtocolVersion: version,
    cipherSuites: list(text()),
    insecureSkipVerify: bool,
    ecdhCurves: row(list(text()), 'T2', 'curves of TLS'),
  },
  { exclusive: [['credentialName', 'credentialNames', 'tlsCertificates']] },
);
