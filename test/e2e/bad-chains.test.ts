import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { credentials } from '@grpc/grpc-js';
import { afterAll, expect, test } from 'vitest';
import { clusterType } from '../../src/xds/resource-types.ts';
import { startApplication } from '../support/application.ts';
import { createBadChains, type PresentedChain } from '../support/bad-chains.ts';
import { rawHttp } from '../support/raw-http.ts';
import { connectRawClient } from '../support/raw-xds-client.ts';
import { mutualTlsYaml, serviceYaml, useTestMesh } from '../support/test-mesh.ts';

/* T18 at ports of the mesh: its CA is the root under which the chains are made, brought from outside. */

const { root, rootKey, good, bad } = createBadChains();
const folder = mkdtempSync(join(tmpdir(), 'weft-root-'));
const [rootFile, keyFile] = [join(folder, 'root.pem'), join(folder, 'root.key')];
writeFileSync(rootFile, root);
writeFileSync(keyFile, rootKey, { mode: 0o600 });
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const mesh = useTestMesh(() => ({
  policies: { 'mesh.yaml': mutualTlsYaml('STRICT'), 'catalog.yaml': serviceYaml('catalog') },
  settings: { 'ca.root': rootFile, 'ca.key': keyFile, 'certificates.allowShortLives': true },
}));

test('T18 no bad chain opens a STRICT port', async () => {
  const address = mesh().nextAddress();
  const catalog = await startApplication({ address, port: 9080 }, 'catalog');
  await mesh().join({ service: 'catalog', address, ports: [{ port: 9080 }] });
  await mesh().synced();
  /** The status of a request behind the handshake; the reason where there was none. */
  const answered = async ({ chain, key }: PresentedChain): Promise<number | string> => {
    const tls = { host: address, port: 19_080, cert: chain, key, ALPNProtocols: ['weft'], rejectUnauthorized: false };
    const client = rawHttp(0, () => connect(tls));
    try {
      return (await client.ask(['GET / HTTP/1.1', 'host: catalog'])).status;
    } catch (error) {
      return String(error);
    } finally {
      client.close();
    }
  };
  expect(await answered(good)).toBe(200);
  expect(catalog.requests()).toBe(1);
  const reasons = new Map<string, number | string>();
  for (const chain of bad) reasons.set(chain.name, await answered(chain));
  expect([...reasons].filter(([, reason]) => typeof reason === 'number')).toEqual([]);
  expect(catalog.requests()).toBe(1);
  expect(await answered(good)).toBe(200);
  const shown = [...reasons.values()].filter((reason) => /alert|reset|ended/i.test(String(reason))).length;
  await catalog.close();
  console.log(
    `promise T18: ${bad.length} bad chains at a STRICT port of a sidecar: 0 opened it, the good one did (${shown} refused by Envoy, ` +
      `${bad.length - shown} that no client can load beside its key)`,
  );
}, 60_000);

test('T18 no bad chain is a credential at the port of the control plane', async () => {
  const { xdsPort } = mesh().controlPlane();
  /** How a call with this certificate alone ended. */
  const ended = async ({ chain, key }: PresentedChain): Promise<string> => {
    const options = { rejectUnauthorized: false };
    const channel = credentials.createSsl(null, Buffer.from(key), Buffer.from(chain), options);
    const raw = connectRawClient(xdsPort, channel);
    try {
      const stream = raw.delta();
      stream.send({ node: { id: 'catalog-1.shop' }, typeUrl: clusterType });
      return (await stream.closed).details;
    } finally {
      raw.close();
    }
  };
  // One that is believed, of nobody who has joined: it is looked at.
  expect(await ended(good)).toMatch(/WEFT0203 the certificate shown is not that of a proxy that joined/);
  const outcomes: string[] = [];
  for (const chain of bad) outcomes.push(await ended(chain).catch(() => 'not presented'));
  const counted = (words: RegExp) => outcomes.filter((outcome) => words.test(outcome)).length;
  // Where the chain is not believed there is no certificate, and nothing else was shown.
  const unseen = counted(/WEFT0203 no credential was sent/);
  const never = counted(/^not presented$/);
  expect(unseen + never).toBe(bad.length);
  expect(unseen).toBeGreaterThan(50);
  console.log(
    `promise T18: ${bad.length} bad chains at the port of the control plane: 0 taken for a certificate, the good one was (${unseen} seen as none, ` +
      `${never} that no client can load beside its key)`,
  );
}, 60_000);
