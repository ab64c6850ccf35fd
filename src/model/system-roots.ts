/** Where Debian, Ubuntu and Alpine keep the certificates of the authorities that they trust. */
export const debianRoots = '/etc/ssl/certs/ca-certificates.crt';
