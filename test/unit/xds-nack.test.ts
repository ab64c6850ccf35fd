import { expect, test } from 'vitest';
import { blame, cutErrorText, isLocalFault } from '../../src/xds/nack.ts';
import { createResource } from '../../src/xds/resource.ts';

const sent = ['c1', 'c2', 'l2', 'l3', 'r1', 'r2'].map((name) =>
  createResource({ typeUrl: 'type.googleapis.com/t', name, value: Buffer.from(name) }),
);

test.each([
  ['Error adding/updating cluster(s) c1: bad, c2: worse', ['c1', 'c2'], 'applied'],
  ['Error adding/updating listener(s) l2: REASON\nl3: REASON\n', ['l2', 'l3'], 'applied'],
  ['goo.gle/debugstr Error adding/updating cluster(s) c2: no', ['c2'], 'applied'],
  [
    'goo.gle/debugonly  \nname: "c2"\ntype: EDS\n: Proto constraint validation failed (ClusterValidationError.ConnectTimeout)',
    ['c2'],
    'unknown',
  ],
  ['goo.gle/debugonly  \ncluster_name: "c1"\nendpoints {\n  name: "c2"\n}\n', ['c1'], 'unknown'],
  ['Unexpected RDS configuration (expecting r1): r2', ['r1'], 'unknown'],
  ['missing ): (', [], 'unknown'],
  ['Error adding/updating cluster(s) never-sent: bad', [], 'unknown'],
  ['xDS response validation errors: [resource index 1: bad; resource index 3: worse]', ['c2', 'l3'], 'applied'],
  ['xDS response validation errors: [resource index 9: bad]', [], 'unknown'],
])('E15 %j blames %j, the rest is %s', (text, culprits, rest) => {
  const found = blame(text, sent);
  expect([[...found.culprits], found.rest]).toEqual([culprits, rest]);
});

test('A46 gRPC counts in the whole response, and what is not new in it is not to blame', () => {
  const news = sent.slice(1, 3);
  expect([...blame('[resource index 1: bad]', news, sent).culprits]).toEqual(['c2']);
  expect([...blame('[resource index 0: bad; resource index 2: bad]', news, sent).culprits]).toEqual(['l2']);
  expect([...blame('[resource index 0: bad]', news, sent).culprits]).toEqual([]);
});

test.each([
  ['Invalid path: /etc/client/tls.crt', true],
  ['Failed to load trusted CA certificates from /etc/roots/ca.crt', true],
  ['Failed to load incomplete private key from path: /etc/client/tls.key', true],
  ["cannot bind '127.0.0.1:80': Permission denied", true],
  ['Listener out_proxy: reuse port cannot be changed during an update', true],
  ['Failed to load certificate chain from <inline>', false],
  ['malformed IP address: /nowhere', false],
])('%j is the trouble of a machine: %j', (text, local) => expect(isLocalFault(text)).toBe(local));

test('a lone resource is the culprit whatever the text says', () => {
  expect([...blame('malformed IP address: not.an.ip', sent.slice(0, 1)).culprits]).toEqual(['c1']);
});

test('X43 an error text is cut to 4 KiB, never inside a character', () => {
  const cut = cutErrorText(`a${'é'.repeat(5000)}`);
  expect(Buffer.byteLength(cut)).toBe(4095);
  expect(cut.endsWith('é')).toBe(true);
  expect(cutErrorText('short')).toBe('short');
});
