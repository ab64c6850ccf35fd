import { isIP } from 'node:net';

/**
 * Whether a host, as a VirtualService names it, is a name outside the mesh of its own: full, and neither an address nor a wildcard (P5).
 * `reviews.shop` with a namespace `shop` is a service of the mesh, if a misspelt one (P2).
 */
export function isOutsideHost(host: string, dnsSuffix: string, namespaces: ReadonlySet<string> = new Set()): boolean {
  const plain = outsideName(host);
  const [, second = '', ...more] = plain.split('.');
  if (second === '' || /[*/]/.test(plain) || isIP(plain) !== 0) return false;
  if (insideEndings.some((ending) => ending.test(plain)) || plain.endsWith(`.svc.${dnsSuffix}`)) return false;
  return more.length > 0 || !namespaces.has(second);
}

/** As it is compared: lower-case, without a last dot (P3). */
export function outsideName(host: string): string {
  return host.toLowerCase().replace(/\.$/, '');
}

/** Forms in which services of the mesh are named (P4, section 1.6). */
const insideEndings = [/\.svc$/, /\.svc\.cluster\.local$/, /^[^.]+\.[^.]+\.mesh$/];
