import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer as createTcp } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, createServer } from 'node:tls';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createBadChains, type PresentedChain } from '../support/bad-chains.ts';
import { envoyPath } from '../support/envoy-path.ts';
import { eventually } from '../support/eventually.ts';

const run = promisify(execFile);
const { root, good, bad } = createBadChains();

/** True if a server that asks for a certificate under the root lets this client in: it hears the server's word. */
function isLetIn({ chain, key }: PresentedChain, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const finish = (answer: boolean): void => {
      clearTimeout(timer);
      resolve(answer);
      socket.destroy();
    };
    // The server's own certificate is not what is looked at.
    const socket = connect({
      host: '127.0.0.1',
      port,
      cert: chain,
      key,
      rejectUnauthorized: false,
      minVersion: 'TLSv1.3',
    });
    const timer = setTimeout(() => finish(false), 10_000);
    socket.on('data', () => finish(true));
    socket.on('error', () => finish(false));
    socket.on('close', () => finish(false));
  });
}

async function lettersIn(chains: readonly PresentedChain[], port: number): Promise<readonly string[]> {
  const letIn: string[] = [];
  for (const chain of chains) {
    // What cannot even be loaded beside its key is not presented.
    const answer = await isLetIn(chain, port).catch(() => false);
    if (answer) letIn.push(chain.name);
  }
  return letIn;
}

describe('bad chains (T18)', () => {
  let dir = '';
  let envoy: ChildProcess | undefined;
  beforeAll(() => {
    dir = mkdtempSync(join(tmpdir(), 'weft-chains-'));
  });
  afterAll(async () => {
    if (envoy?.exitCode === null) {
      envoy.kill('SIGKILL');
      await once(envoy, 'exit');
    }
    rmSync(dir, { recursive: true, force: true });
  });

  it('are 60 different ones at least', () => {
    expect(new Set(bad.map(({ name }) => name)).size).toBe(bad.length);
    expect(bad.length).toBeGreaterThanOrEqual(60);
  });

  it('are not let in by TLS of Node, which guards the ports of the control plane', async () => {
    const server = createServer(
      { cert: good.chain, key: good.key, ca: root, requestCert: true, rejectUnauthorized: true, minVersion: 'TLSv1.3' },
      (socket) => {
        socket.on('error', () => undefined);
        socket.end('in');
      },
    );
    server.on('tlsClientError', () => undefined);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    try {
      expect(await isLetIn(good, port)).toBe(true);
      expect(await lettersIn(bad, port)).toEqual([]);
      console.log(`promise T18: ${bad.length} bad chains at TLS of Node: 0 accepted, the good one accepted`);
    } finally {
      server.close();
    }
  }, 120_000);

  it('are not let in by Envoy', async () => {
    const probe = createTcp().listen(0, '127.0.0.1');
    await once(probe, 'listening');
    const { port } = probe.address() as AddressInfo;
    probe.close();
    await once(probe, 'close');
    const type = (name: string) => `type.googleapis.com/envoy.extensions.${name}`;
    const inline = (text: string) => ({ inline_string: text });
    const context = {
      '@type': type('transport_sockets.tls.v3.DownstreamTlsContext'),
      require_client_certificate: true,
      common_tls_context: {
        tls_params: { tls_minimum_protocol_version: 'TLSv1_3', tls_maximum_protocol_version: 'TLSv1_3' },
        tls_certificates: [{ certificate_chain: inline(good.chain), private_key: inline(good.key) }],
        validation_context: { trusted_ca: inline(root) },
      },
    };
    const filter = { '@type': type('filters.network.direct_response.v3.Config'), response: inline('in') };
    const listener = {
      name: 'x',
      address: { socket_address: { address: '127.0.0.1', port_value: port } },
      filter_chains: [
        {
          transport_socket: { name: 'envoy.transport_sockets.tls', typed_config: context },
          filters: [{ name: 'envoy.filters.network.direct_response', typed_config: filter }],
        },
      ],
    };
    writeFileSync(join(dir, 'envoy.json'), JSON.stringify({ static_resources: { listeners: [listener] } }));
    const args = ['-c', join(dir, 'envoy.json'), '--concurrency', '1', '--use-dynamic-base-id', '-l', 'error'];
    envoy = spawn(await envoyPath(), args, { stdio: 'ignore' });
    await eventually('the good chain is let in', () => isLetIn(good, port), 30_000);
    expect(await lettersIn(bad, port)).toEqual([]);
    console.log(`promise T18: ${bad.length} bad chains at Envoy: 0 accepted, the good one accepted`);
  }, 120_000);

  it('are not believed by openssl', async () => {
    const file = (name: string, text: string): string => {
      writeFileSync(join(dir, name), text);
      return join(dir, name);
    };
    const rootFile = file('root.pem', root);
    const isBelieved = async ({ chain }: PresentedChain): Promise<boolean> => {
      const [leaf = '', ...above] = chain.match(/-----BEGIN[\s\S]*?END CERTIFICATE-----\n/g) ?? [];
      const untrusted = above.length === 0 ? [] : ['-untrusted', file('above.pem', above.join(''))];
      return run('openssl', [
        'verify',
        '-x509_strict',
        '-purpose',
        'sslclient',
        '-CAfile',
        rootFile,
        ...untrusted,
        file('leaf.pem', leaf),
      ]).then(
        () => true,
        () => false,
      );
    };
    expect(await isBelieved(good)).toBe(true);
    const believed: string[] = [];
    for (const chain of bad) if (await isBelieved(chain)) believed.push(chain.name);
    expect(believed).toEqual([]);
    console.log(`promise T18: ${bad.length} bad chains at openssl verify: 0 accepted, the good one accepted`);
  }, 120_000);
});
