import { expect, test } from 'vitest';
import { createNameAccounts } from '../../src/xds/name-accounts.ts';

test('T8 the streams of a connection share what they may name, and what one gives up the others may have', () => {
  const accounts = createNameAccounts(100);
  const [one, other, elsewhere] = [accounts.open('a:1'), accounts.open('a:1'), accounts.open('a:2')];
  one.set(60);
  other.set(40);
  elsewhere.set(100);
  expect(() => other.set(41)).toThrow('more than 100 bytes (limits.subscribedBytes)');
  // It ends; another that shrinks, or stays as it is, has done nothing wrong.
  one.set(60);
  one.set(59);
  other.close();
  one.set(100);
  one.close();
  one.close();
  accounts.open('a:1').set(100);
});
