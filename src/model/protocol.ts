import type { Protocol } from './policy.ts';

/** Every protocol of P28 that can be declared. */
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

/** True for one of the words of P28. */
export function isProtocol(word: string): word is Protocol {
  return protocols.some((protocol) => protocol === word);
}

/** The protocol that a port's name states (P28): `http`, `http-main`, `grpc-web-main`; undefined where it states none. */
export function protocolOfName(name: string): Protocol | undefined {
  if (name === 'grpc-web' || name.startsWith('grpc-web-')) return 'grpc-web';
  const [word = ''] = name.split('-', 1);
  return isProtocol(word) ? word : undefined;
}
