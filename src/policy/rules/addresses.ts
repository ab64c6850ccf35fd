import { isIP } from 'node:net';
import { patternRule, type RuleDefinition } from './rule-definition.ts';

/** True for `10.1.2.3`, `10.0.0.0/8` and their IPv6 forms. */
function isIpOrCidr(value: string): boolean {
  const [address = '', bits, ...more] = value.split('/');
  const version = isIP(address);
  if (version === 0 || more.length > 0 || address.includes('%')) return false;
  return bits === undefined || (/^(?:0|[1-9]\d{0,2})$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128));
}

/** Addresses, ranges and ports. */
export const addressRules = {
  'ip-or-cidr': {
    expected: 'an IP address or a range such as 10.0.0.0/8',
    problem: (value) => (isIpOrCidr(value) ? undefined : 'an IP address or a range such as 10.0.0.0/8'),
    pattern: '^[0-9A-Fa-f:.]+(?:/[0-9]{1,3})?$',
    good: ['10.0.0.1', '10.0.0.0/8', 'fd00::/8', '0.0.0.0/0', '10.1.2.3/8'],
    bad: ['10.0.0.0/33', '10.0.0.0/', '10.0.0.0/08', 'fd00::/129', '10.0.0.0/8/8', 'fe80::1%eth0/64', 'a/8'],
  },
  'port-text': {
    expected: 'a port from "1" to "65535"',
    problem: (value) =>
      /^\d{1,5}$/.test(value) && Number(value) >= 1 && Number(value) <= 65_535
        ? undefined
        : 'a port from "1" to "65535"',
    pattern: '^[0-9]{1,5}$',
    good: ['1', '8080', '65535'],
    bad: ['0', '65536', '-1', '80.0', '0x50', '8080-8090', 'http'],
  },
  region: patternRule('a region', /^[^/*]+$/, ['eu', 'us-east1'], ['eu/north', '*', 'eu*']),
  'locality-pattern': patternRule(
    'a locality, or the beginning of one before "*"',
    /^(?:\*|[^/*]+(?:\/(?:\*|[^/*]+(?:\/(?:\*|[^/*][^*]*\*?))?))?)$/,
    ['*', 'eu', 'eu/*', 'eu/north/*', 'eu/north/rack-1'],
    ['*/a', 'eu/*/a', 'eu/', '/eu', 'eu/**', '**'],
  ),
} as const satisfies Readonly<Record<string, RuleDefinition>>;
