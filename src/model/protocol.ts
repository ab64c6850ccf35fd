import type { Protocol } from './policy.ts';

/** Every protocol of P28. */
export const protocols: readonly Protocol[] = [
  'http',
  'http2',
  'grpc',
  'grpc-web',
  'https',
  'tls',
  'tcp',
  'mongo',
  'mysql',
  'redis',
];

/** The protocol that a port's name states (P28): `http`, `http-main`, `grpc-web-main`; anything else is `tcp` (1.7). */
export function protocolOfName(name: string | undefined): Protocol {
  if (name === undefined) return 'tcp';
  if (name === 'grpc-web' || name.startsWith('grpc-web-')) return 'grpc-web';
  const word = name.split('-', 1)[0];
  return protocols.find((protocol) => protocol === word) ?? 'tcp';
}
