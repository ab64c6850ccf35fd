import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openAuthority } from '../../src/ca/authority.ts';
import { authorityStore, importedRoot } from '../../src/control-plane/authority-files.ts';
import { readSettings, type SettingValues } from '../../src/control-plane/settings.ts';
import { systemClock } from '../../src/model/state-store.ts';
import { openFileStore } from '../../src/store/file-store.ts';

const trustDomain = 'demo.mesh';
const identity = { trustDomain, namespace: 'shop', serviceAccount: 'reviews' };

describe('keys of the CA on disk (T19)', () => {
  let dir = '';
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'weft-seal-'));
    mkdirSync(join(dir, 'state'), { mode: 0o700 });
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true }));
  const settings = (more: Partial<SettingValues> = {}) => ({ ...readSettings(undefined).values, trustDomain, ...more });
  const files = (folder: string): string[] =>
    readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
      entry.isDirectory() ? files(join(folder, entry.name)) : [join(folder, entry.name)],
    );
  const dump = () => Buffer.concat(files(join(dir, 'state')).map((file) => readFileSync(file))).toString('latin1');
  const open = async (more: Partial<SettingValues> = {}) =>
    openAuthority({
      store: await authorityStore(openFileStore(join(dir, 'state')), settings(more), dir),
      clock: systemClock,
      trustDomain,
    });
  const keyFile = (bytes = Buffer.alloc(32, 7), mode = 0o600) => {
    writeFileSync(join(dir, 'seal.key'), bytes, { mode });
    chmodSync(join(dir, 'seal.key'), mode);
    return { 'ca.sealKeyFile': 'seal.key' };
  };

  it('is private whatever the umask, at each step of a rotation of roots', async () => {
    const before = process.umask(0);
    try {
      const authority = await open();
      await authority.rotate({ kind: 'prepare', by: 'test' });
      await authority.rotate({ kind: 'activate', pending: () => [] });
      const all = files(join(dir, 'state'));
      expect(all.length).toBeGreaterThanOrEqual(5);
      expect(all.filter((file) => (statSync(file).mode & 0o777) !== 0o600)).toEqual([]);
      const folders = ['', 'ca', 'ca/roots', 'ca/issuers'].map(
        (name) => statSync(join(dir, 'state', name)).mode & 0o777,
      );
      expect(folders).toEqual([0o700, 0o700, 0o700, 0o700]);
      authority.dispose();
      console.log(
        `promise T19: ${all.length} files of a CA in the middle of a rotation written under umask 000: 0 of another mode than 600, 0 folders but 700`,
      );
    } finally {
      process.umask(before);
    }
  });

  it('is sealed with a key that lies elsewhere: what was there before, too, and no key is in a copy of the state dir', async () => {
    const plain = await open();
    const info = plain.info();
    plain.dispose();
    expect(dump()).toContain('PRIVATE KEY');
    const sealing = keyFile();
    const authority = await open(sealing);
    expect(authority.info()).toEqual(info);
    await authority.rotate({ kind: 'prepare', by: 'test' });
    authority.issue(identity);
    authority.dispose();
    // Neither as PEM nor as DER: PKCS#8 of an EC key begins so.
    expect(dump()).not.toContain('PRIVATE KEY');
    expect(dump()).not.toContain(Buffer.from('308187020100301306', 'hex').toString('latin1'));
    const again = await open(sealing);
    expect(again.roots.get().phase).toBe('prepared');
    again.dispose();
    const copied = files(join(dir, 'state')).length;
    console.log(`promise T19: a copy of a sealed CA (${copied} files): 0 private keys in PEM or DER`);
  });

  it('does not open without its key, with another, changed, or under another name', async () => {
    const sealing = keyFile();
    (await open(sealing)).dispose();
    await expect(open()).rejects.toMatchObject({ code: 'WEFT0908', message: expect.stringContaining('it is sealed') });
    keyFile(Buffer.alloc(32, 8));
    await expect(open(sealing)).rejects.toMatchObject({
      code: 'WEFT0908',
      message: expect.stringContaining('does not open'),
    });
    keyFile();
    const [file = ''] = files(join(dir, 'state/ca/issuers'));
    const good = readFileSync(file);
    const changed = Buffer.from(good);
    changed[40] = (changed[40] ?? 0) ^ 1;
    writeFileSync(file, changed);
    await expect(open(sealing)).rejects.toMatchObject({
      code: 'WEFT0908',
      message: expect.stringContaining('does not open'),
    });
    const [rootKey = ''] = files(join(dir, 'state/ca/roots'));
    writeFileSync(file, readFileSync(rootKey));
    await expect(open(sealing)).rejects.toMatchObject({
      code: 'WEFT0908',
      message: expect.stringContaining('does not open'),
    });
    writeFileSync(file, good);
    (await open(sealing)).dispose();
  });

  it('refuses a key that others can read, or of another size', async () => {
    await expect(open(keyFile(undefined, 0o644))).rejects.toMatchObject({ code: 'WEFT0904' });
    await expect(open(keyFile(Buffer.alloc(31)))).rejects.toMatchObject({ code: 'WEFT0907' });
    await expect(open({ 'ca.sealKeyFile': 'missing' })).rejects.toMatchObject({ code: 'WEFT0907' });
  });

  it('brings a CA of openssl in by the settings, and refuses its key where others can read it', async () => {
    const openssl = (...args: readonly string[]) => execFileSync('openssl', args, { cwd: dir, stdio: 'pipe' });
    openssl(
      'req',
      '-x509',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-keyout',
      'root.key',
      '-out',
      'root.pem',
      '-subj',
      '/CN=Company',
      '-days',
      '30',
    );
    openssl('ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', 'mesh.key');
    openssl('req', '-new', '-key', 'mesh.key', '-out', 'mesh.csr', '-subj', '/CN=Mesh');
    writeFileSync(
      join(dir, 'ext'),
      'basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n',
    );
    openssl(
      'x509',
      '-req',
      '-in',
      'mesh.csr',
      '-CA',
      'root.pem',
      '-CAkey',
      'root.key',
      '-CAcreateserial',
      '-days',
      '29',
      '-extfile',
      'ext',
      '-out',
      'mesh.pem',
    );
    rmSync(join(dir, 'root.key'));
    const named = { 'ca.root': 'root.pem', 'ca.certificate': 'mesh.pem', 'ca.key': 'mesh.key' };
    chmodSync(join(dir, 'mesh.key'), 0o644);
    await expect(importedRoot(settings(named), dir, systemClock)).rejects.toMatchObject({ code: 'WEFT0904' });
    chmodSync(join(dir, 'mesh.key'), 0o600);
    const imported = await importedRoot(settings(named), dir, systemClock);
    const store = openFileStore(join(dir, 'state'));
    const authority = await openAuthority({ store, clock: systemClock, trustDomain, ...(imported && { imported }) });
    const svid = authority.issue(identity);
    writeFileSync(join(dir, 'leaf.pem'), svid.certificateChain);
    const verdict = execFileSync('openssl', ['verify', '-CAfile', 'root.pem', '-untrusted', 'mesh.pem', 'leaf.pem'], {
      cwd: dir,
    });
    expect(verdict.toString()).toContain('leaf.pem: OK');
    expect(
      authority
        .info()
        .alarms.map(({ what, endsWithinDays }) => [what, endsWithinDays])
        .sort(),
    ).toEqual([
      ['issuer', 30],
      ['root', 30],
    ]);
    authority.dispose();
    await expect(importedRoot(settings({ 'ca.root': 'root.pem' }), dir, systemClock)).rejects.toMatchObject({
      code: 'WEFT0907',
    });
  });
});
