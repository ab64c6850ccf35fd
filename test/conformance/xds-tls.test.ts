import { generateKeyPairSync } from 'node:crypto';
import { connect as connectTls } from 'node:tls';
import { credentials } from '@grpc/grpc-js';
import forge from 'node-forge';
import { expect } from 'vitest';
import { clusterType } from '../../src/xds/resource-types.ts';
import type { ServerCertificate, TlsSource } from '../../src/xds/tls-source.ts';
import { connectRawClient } from '../support/raw-xds-client.ts';
import { conformAds } from './conform.ts';
import { nextAcked } from './delta-words.ts';
import { cluster, node } from './xds-fixture.ts';

function selfSigned(commonName: string): ServerCertificate {
  const { privateKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    privateKeyEncoding: { type: 'pkcs1', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  });
  const key = forge.pki.privateKeyFromPem(privateKey);
  const certificate = forge.pki.createCertificate();
  certificate.publicKey = forge.pki.setRsaPublicKey(key.n, key.e);
  certificate.serialNumber = '01';
  certificate.validity.notAfter = new Date(Date.now() + 3_600_000);
  const name = [{ name: 'commonName', value: commonName }];
  certificate.setSubject(name);
  certificate.setIssuer(name);
  certificate.setExtensions([{ name: 'subjectAltName', altNames: [{ type: 7, ip: '127.0.0.1' }] }]);
  certificate.sign(key, forge.md.sha256.create());
  return { certificateChain: forge.pki.certificateToPem(certificate), privateKey };
}

function handshake(port: number, options: { readonly maxVersion?: 'TLSv1.2' } = {}) {
  return new Promise<string>((resolve) => {
    const socket = connectTls({
      port,
      host: '127.0.0.1',
      rejectUnauthorized: false,
      ALPNProtocols: ['h2'],
      ...options,
    });
    socket.on('secureConnect', () => {
      resolve(`${socket.getProtocol()} ${socket.getPeerCertificate().subject.CN}`);
      socket.destroy();
    });
    socket.on('error', (error) => resolve(error.message));
  });
}

conformAds('6.4 6.5 TLS 1.3 only, and a new certificate without a restart', async ({ start }) => {
  let current = selfSigned('first');
  const first = current;
  const watchers = new Set<() => void>();
  const rotating: TlsSource = {
    get: () => current,
    watch: (onChange) => {
      watchers.add(onChange);
      return () => watchers.delete(onChange);
    },
  };
  const fixture = await start([cluster('a')], { credentials: rotating });
  const { port } = fixture.server;
  expect(await handshake(port)).toBe('TLSv1.3 first');
  expect(await handshake(port, { maxVersion: 'TLSv1.2' })).toMatch(/protocol version/i);
  const client = connectRawClient(port, credentials.createSsl(Buffer.from(first.certificateChain)));
  const stream = client.delta();
  stream.send({ node, typeUrl: clusterType });
  await nextAcked(stream);
  current = selfSigned('second');
  for (const watcher of watchers) watcher();
  expect(await handshake(port)).toBe('TLSv1.3 second');
  fixture.set([cluster('a', 2)]);
  expect((await nextAcked(stream)).resources).toHaveLength(1);
  client.close();
  await fixture.server.close();
  expect(watchers.size).toBe(0);
});
