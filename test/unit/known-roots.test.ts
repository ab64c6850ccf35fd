import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer } from 'node:tls';
import { afterAll, expect, it } from 'vitest';
import { openAuthority } from '../../src/ca/authority.ts';
import { joinControlPlane } from '../../src/cli/actions/join.ts';
import { systemClock } from '../../src/model/state-store.ts';
import {
  createKnownControlPlane,
  fingerprintsOf,
  knownRootsText,
  rememberedRoots,
  rememberRoots,
} from '../../src/sidecar/known-roots.ts';
import { createTrustWatch } from '../../src/sidecar/trust-watch.ts';
import { eventually } from '../support/eventually.ts';
import { memoryStore } from '../support/memory-store.ts';

const folder = mkdtempSync(join(tmpdir(), 'weft-roots-'));
afterAll(() => rmSync(folder, { recursive: true }));

async function authority() {
  const opened = await openAuthority({ store: memoryStore(), clock: systemClock, trustDomain: 'demo.mesh' });
  const [root = ''] = opened.bundle.get().roots;
  const server = opened.issueServer({ dnsNames: [], ipAddresses: [] });
  const { fingerprint } = opened.info().root;
  opened.dispose();
  return { root, fingerprint, server };
}

it('roots are known by their fingerprints, kept in a private file, and written for Envoy as an answer of SDS', async () => {
  const [one, other] = [await authority(), await authority()];
  const both = one.root + other.root;
  expect(fingerprintsOf(both)).toEqual([one.fingerprint, other.fingerprint]);
  expect(rememberedRoots(folder)).toBeUndefined();
  rememberRoots(folder, one.root);
  rememberRoots(folder, both);
  expect(rememberedRoots(folder)).toBe(both);
  expect(statSync(join(folder, 'roots.pem')).mode & 0o777).toBe(0o600);
  const { resources } = JSON.parse(knownRootsText(both));
  expect(resources).toMatchObject([
    { name: 'control-plane-roots', validation_context: { trusted_ca: { inline_string: both } } },
  ]);
});

it('whoever connects reads the roots of that moment', async () => {
  const known = createKnownControlPlane({ host: 'cp', port: 15_012, serverName: 'xds.weft', rootPem: 'one' });
  expect([known.take('one'), known.take(''), known.address.rootPem]).toEqual([false, false, 'one']);
  expect([known.take('two'), known.address.rootPem]).toEqual([true, 'two']);
});

it('the watch takes what it is told, renews when it is to, and tries again what failed', async () => {
  const taken: string[] = [];
  let [asked, renewed] = [0, 0];
  const watch = createTrustWatch({
    async ask() {
      asked += 1;
      if (asked === 1) throw new Error('away');
      return { roots: ['one', 'two'], renew: asked === 2, askAgainIn: 1 };
    },
    take: async (rootPem) => {
      taken.push(rootPem);
    },
    renew: () => {
      renewed += 1;
    },
  });
  watch.connected();
  await eventually('it was asked three times', () => asked >= 3, 10_000);
  watch.stop();
  expect(taken.slice(0, 2)).toEqual(['onetwo', 'onetwo']);
  expect(renewed).toBe(1);
});

it('a proxy that starts again finds the control plane under the root that took the place of the one in its token', async () => {
  const [before, after, stranger] = [await authority(), await authority(), await authority()];
  const server = createServer({
    cert: after.server.certificateChain,
    key: after.server.privateKey.expose(),
    ALPNProtocols: ['h2'],
    minVersion: 'TLSv1.3',
  });
  server.on('tlsClientError', () => undefined);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : 0;
  const pin = Buffer.from(before.fingerprint, 'hex').toString('base64url');
  writeFileSync(join(folder, 'token'), `abcdefghijkl.${'A'.repeat(43)}.${pin}\n`, { mode: 0o600 });
  const context = {
    env: {},
    cwd: folder,
    readInput: async () => '',
    globals: { cp: `127.0.0.1:${port}`, timeout: 5_000 },
  } as unknown as Parameters<typeof joinControlPlane>[0];
  const found = (remembered: string | undefined) =>
    joinControlPlane(context, 'token', () => remembered).then(
      ({ controlPlane }) => fingerprintsOf(controlPlane.rootPem),
      (error: unknown) => error,
    );
  try {
    expect(await found(before.root + after.root)).toEqual([after.fingerprint]);
    expect(await found(undefined)).toMatchObject({ code: 'WEFT0915' });
    expect(await found(before.root + stranger.root)).toMatchObject({ code: 'WEFT0915' });
  } finally {
    server.close();
  }
});
