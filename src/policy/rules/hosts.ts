import { isIP } from 'node:net';
import type { RuleDefinition } from './rule-definition.ts';

const label = '[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?';
const domain = new RegExp(`^${label}(?:\\.${label})*\\.?$`);
/** A star may stand for a whole first label, or for its beginning. */
const wildcard = new RegExp(`^\\*(?:-?${label})?(?:\\.${label})*\\.?$`);

/** Why a text is no host name, `*`, `*.name` or IP address; nothing with a scheme, a port or a path is. */
function hostProblem(value: string): string | undefined {
  if (value === '*' || isIP(value) !== 0) return undefined;
  if (value.includes('://')) return 'a host name without a scheme';
  if (/:\d+$/.test(value)) return 'a host name without a port';
  if (value.length > 255) return 'a host name of at most 255 characters';
  if (!(value.startsWith('*') ? wildcard : domain).test(value)) return 'a host name';
  // What ends in a number is read as an address.
  return /(?:^|\.)\d+\.?$/.test(value) ? 'a host name whose last part is no number' : undefined;
}

/** P8: `ns/host`, where ns is a namespace, `*`, `.` or `~`, and host a full name, `*.name` or `*`. */
function importProblem(value: string): string | undefined {
  const [namespace = '', host, ...more] = value.split('/');
  if (host === undefined || more.length > 0)
    return 'namespace/host, such as "./*" or "shop/reviews.shop.svc.cluster.local"';
  if (!/^(?:~?[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?|~?[*.]|~)$/.test(namespace))
    return '"*", ".", "~" or a namespace before "/"';
  if (host === '*') return undefined;
  if (host.startsWith('*') && !host.startsWith('*.')) return '"*" or "*.name" after "/"';
  if (!host.includes('.')) return 'a full name after "/", as short ones are not completed here';
  return isIP(host) === 0 ? hostProblem(host) : 'a host name after "/"';
}

/** Names that DNS or the mesh resolve. */
export const hostRules = {
  'host-name': {
    expected: 'a host name or "*.name", no address',
    problem: (value) => (isIP(value) === 0 ? hostProblem(value) : 'the name of a host, no address'),
    pattern: '^(?!.*://)[^/\\s_]+$',
    good: ['reviews', 'reviews.shop.svc.cluster.local', '*.b', '*'],
    bad: ['10.0.0.1', 'fd00::1', 'a:80', 'a..b'],
  },
  host: {
    expected: 'a host name, "*.name" or an IP address',
    problem: hostProblem,
    pattern: '^(?!.*://)[^/\\s_]+$',
    good: [
      'reviews',
      'reviews.shop.svc.cluster.local',
      'a.b.',
      '*.b',
      '*',
      '*-x.com',
      'A.example',
      '10.0.0.1',
      'fd00::1',
    ],
    bad: [
      'http://a',
      'a:80',
      'a_b.c',
      'a..b',
      '-a.b',
      'a b',
      'a/b',
      'a.*.b',
      'a.1',
      `${'a'.repeat(64)}.b`,
      `${'a.'.repeat(127)}bb`,
    ],
  },
  'import-host': {
    expected: 'namespace/host, such as "./*" or "*/*.example"',
    problem: importProblem,
    pattern: '^[^/\\s]+/[^/\\s]+$',
    good: ['*/*', './*', '~/*', 'shop/reviews.shop.svc.cluster.local', '*/*.example', '~shop/a.b', '~/a.b'],
    bad: [
      '*',
      'reviews',
      'shop/reviews',
      'shop/',
      '/a.b',
      'Shop/a.b',
      '**/a.b',
      'shop/*a.b',
      'a/b.c/d',
      'shop/10.0.0.1',
    ],
  },
} as const satisfies Readonly<Record<string, RuleDefinition>>;
