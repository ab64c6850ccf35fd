import { expect, test } from 'vitest';
import { toEnvoyJson } from '../../src/proto/canonical-json.ts';
import { ownAddressFilter } from '../../src/translate/own-address-filter.ts';

/* By which addresses a listener is its own target (docs/decisions/60). */

const rangesOf = (address: string) => {
  const text = JSON.stringify(toEnvoyJson(ownAddressFilter({ address, port: 15001 })));
  expect(text.match(/"start":"15001","end":"15001"/g)?.length ?? 0).toBeGreaterThan(0);
  return [...text.matchAll(/"address_?[pP]refix":"([^"]*)","prefix_?[lL]en":(\d+)/g)].map(
    ([, at, bits]) => `${at}/${bits}`,
  );
};

test('each form by which Linux reaches the address, and no other address', () => {
  expect(rangesOf('127.0.0.1')).toEqual(['127.0.0.1/32', '0.0.0.0/32', '::ffff:0.0.0.0/96']);
  expect(rangesOf('127.0.0.9')).toEqual(['127.0.0.9/32', '::ffff:0.0.0.0/96']);
  expect(rangesOf('::1')).toEqual(['::1/128', '::/128']);
  expect(rangesOf('0.0.0.0')).toEqual(['127.0.0.0/8', '0.0.0.0/32', '::ffff:0.0.0.0/96']);
});
