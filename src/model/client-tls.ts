/** The `tls` block of a traffic policy: how clients speak to the destination, whatever its endpoints say (P23). */
export interface ClientTls {
  readonly mode: 'DISABLE' | 'SIMPLE' | 'MUTUAL' | 'ISTIO_MUTUAL';
  readonly sni?: string;
  readonly subjectAltNames: readonly string[];
  /** Files on the machine of the proxy; `caCertificates` absent: the roots of its system. */
  readonly clientCertificate?: string;
  readonly privateKey?: string;
  readonly caCertificates?: string;
  readonly caCrl?: string;
  /** A secret of the client's namespace that the control plane hands out, in place of files. */
  readonly credentialName?: string;
  readonly insecureSkipVerify: boolean;
}
