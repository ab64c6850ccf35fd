import { expect, test } from 'vitest';
import { isAuthorityOf } from '../../src/policy/hosts.ts';

/* Which authorities are of a service whose requests say whom they mean (docs/decisions/60). */

const ports = [{ number: 9080, protocol: 'http' as const }];

test('what is below a wildcard is of it, at its ports', () => {
  const wild = { host: '*.wild.test', addresses: ['192.0.2.7', '198.51.100.0/24', '2001:DB8::1'], ports };
  for (const own of [
    'one.wild.test',
    'ONE.wild.test.',
    'a.b.wild.test:9080',
    '192.0.2.7',
    '192.0.2.7:9080',
    '[2001:db8::1]:9080',
  ])
    expect(isAuthorityOf(wild, own), own).toBe(true);
  for (const other of [
    'wild.test',
    'onewild.test',
    'one.wild.test:22',
    'one.wild.test.example',
    '192.0.2.8:9080',
    '198.51.100.1',
    '127.0.0.1:9080',
    '[::1]:9080',
    '',
  ])
    expect(isAuthorityOf(wild, other), other).toBe(false);
});

test('a host is its own name alone', () => {
  const one = { host: 'One.none.test', addresses: [], ports };
  expect(isAuthorityOf(one, 'one.none.test:9080')).toBe(true);
  expect(isAuthorityOf(one, 'two.none.test')).toBe(false);
});
