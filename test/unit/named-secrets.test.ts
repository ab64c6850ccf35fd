import { chmodSync, mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createSecretReader, secretNames, startNamedSecrets } from '../../src/control-plane/named-secrets.ts';
import { fakeClock } from '../support/fake-clock.ts';
import { createTestAuthority } from '../support/test-certificates.ts';

const authority = createTestAuthority('roots');
const leaf = authority.issue({ commonName: 'a' });
const another = authority.issue({ commonName: 'b' });
const now = () => Date.now();

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'weft-secrets-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

let ticks = 0;
function write(path: string, text: string, mode = 0o600): void {
  const whole = join(folder, path);
  mkdirSync(join(whole, '..'), { recursive: true });
  writeFileSync(whole, text, { mode });
  chmodSync(whole, mode);
  // No two writes of one test have the same time.
  ticks += 1;
  utimesSync(whole, ticks, ticks);
}

function pair(name: string, { certificate, key } = leaf): void {
  write(`${name}/tls.key`, key);
  write(`${name}/tls.crt`, certificate);
}

describe('the folder of named secrets', () => {
  test('a secret is a folder of a namespace: keys, roots, revocations', () => {
    pair('shop/partner');
    write('shop/partner/ca.crt', authority.certificate);
    write('bank/roots/ca.crt', authority.certificate);
    const { secrets, problems } = createSecretReader(folder, now)();
    expect(problems).toEqual([]);
    expect([...secretNames(secrets)]).toEqual([
      ['bank/roots', { keys: false, roots: true }],
      ['shop/partner', { keys: true, roots: true }],
    ]);
    const [partner] = secrets.get('shop') ?? [];
    expect(partner?.keys?.certificateChain).toBe(leaf.certificate);
    expect(partner?.keys?.privateKey.expose()).toBe(leaf.key);
    // Whatever prints it prints no key.
    expect(inspect(secrets, { depth: 9 }) + JSON.stringify([...secrets])).not.toContain('PRIVATE KEY');
  });

  test('the roots of x may stand in x-cacert', () => {
    pair('shop/partner');
    write('shop/partner-cacert/ca.crt', authority.certificate);
    const { secrets } = createSecretReader(folder, now)();
    expect(secretNames(secrets).get('shop/partner')).toEqual({ keys: true, roots: true });
  });

  const key = 'shop/partner/tls.key';
  test.each<[string, () => void, string]>([
    ['a key that others can read', () => write(key, leaf.key, 0o640), 'is not used: tls.key can be read by others'],
    ['a key of another certificate', () => write(key, another.key), 'does not belong to tls.key'],
    ['no key', () => rmSync(join(folder, key)), 'has no tls.key beside it'],
    ['a key that is none', () => write(key, 'key'), 'tls.key is no private key'],
    ['a text that is no certificate', () => write('shop/partner/tls.crt', 'x'), 'holds no certificate'],
    ['a file that is far too long', () => write('shop/partner/tls.crt', 'x'.repeat(1_100_000)), 'at most 1 MiB'],
    [
      'an expired certificate (E13)',
      () => pair('shop/partner', authority.issue({ from: 0, until: Date.now() - 1_000 })),
      'the certificate has expired',
    ],
  ])('%s is told and not used; a good one before it stays', (_, spoil, problem) => {
    pair('shop/partner');
    const reader = createSecretReader(folder, now);
    const { secrets: before } = reader();
    spoil();
    const { secrets, problems } = reader();
    expect(secrets).toBe(before);
    expect(problems).toEqual([
      { file: join(folder, 'shop/partner/tls.crt'), problem: expect.stringContaining(problem) },
    ]);
    expect(JSON.stringify(problems)).not.toContain('PRIVATE KEY');
    const fresh = createSecretReader(folder, now)();
    expect(fresh.secrets.get('shop')).toBeUndefined();
    expect(fresh.problems).toEqual(problems);
  });

  test('what is half written is left until it is whole; what did not change is the same object', () => {
    pair('shop/a');
    pair('shop/b');
    const reader = createSecretReader(folder, now);
    const { secrets: before } = reader();
    write('shop/a/tls.crt', another.certificate);
    expect(reader().secrets).toBe(before);
    write('shop/a/tls.key', another.key);
    const { secrets, problems } = reader();
    expect(problems).toEqual([]);
    expect(secrets.get('shop')?.[0]?.keys?.certificateChain).toBe(another.certificate);
    expect(secrets.get('shop')?.[1]).toBe(before.get('shop')?.[1]);
    expect(reader().secrets).toBe(secrets);
  });

  test('a link that is turned to other files is followed; what goes is gone', () => {
    pair('versions/one');
    pair('versions/two', another);
    mkdirSync(join(folder, 'shop'));
    symlinkSync(join(folder, 'versions/one'), join(folder, 'shop/partner'));
    const reader = createSecretReader(folder, now);
    expect(reader().secrets.get('shop')?.[0]?.keys?.certificateChain).toBe(leaf.certificate);
    symlinkSync(join(folder, 'versions/two'), join(folder, 'shop/.next'));
    renameSync(join(folder, 'shop/.next'), join(folder, 'shop/partner'));
    expect(reader().secrets.get('shop')?.[0]?.keys?.certificateChain).toBe(another.certificate);
    rmSync(join(folder, 'shop/partner'));
    expect(reader().secrets.get('shop')).toBeUndefined();
  });

  test('a certificate that ends while it is in use is told, and stays', () => {
    pair('shop/partner');
    let time = Date.now();
    const reader = createSecretReader(folder, () => time);
    expect(reader().problems).toEqual([]);
    time += 2 * 86_400_000;
    const { secrets, problems } = reader();
    expect(problems.map(({ problem }) => problem)).toEqual(['the certificate has expired']);
    expect(secrets.get('shop')).toHaveLength(1);
  });

  test('there may be none', () => {
    expect(createSecretReader(join(folder, 'nowhere'), now)()).toEqual({ secrets: new Map(), problems: [] });
  });
});

test('who follows the folder hears of changes, and of each problem once', () => {
  pair('shop/partner');
  const clock = fakeClock(Date.now());
  const problems: string[] = [];
  const onProblem = ({ problem }: { readonly problem: string }) => problems.push(problem);
  const secrets = startNamedSecrets({ directory: folder, clock, poll: 1_000, onProblem });
  let heard = 0;
  secrets.watch(() => {
    heard += 1;
  });
  clock.advance(3_000);
  expect(heard).toBe(0);
  write('shop/partner/tls.key', another.key);
  clock.advance(3_000);
  expect(heard).toBe(0);
  expect(problems).toEqual(['does not belong to tls.key']);
  write('shop/partner/tls.crt', another.certificate);
  clock.advance(1_000);
  expect(heard).toBe(1);
  secrets.stop();
  write('shop/other/ca.crt', authority.certificate);
  clock.advance(3_000);
  expect(heard).toBe(1);
});
