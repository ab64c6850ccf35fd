import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { Secret } from '../../src/model/secret.ts';
import { fromCanonicalJson } from '../../src/proto/canonical-json.ts';
import { BootstrapSchema } from '../../src/proto/gen/envoy/config/bootstrap/v3/bootstrap_pb.ts';
import { type BootstrapOptions, createBootstrap } from '../../src/sidecar/bootstrap.ts';
import { envoyPath } from '../support/envoy-path.ts';
import { selfSigned } from '../support/self-signed.ts';

const options: BootstrapOptions = {
  nodeId: 'reviews-1.shop',
  metadata: {
    service: 'reviews',
    namespace: 'shop',
    labels: { version: 'v1' },
    ports: [{ port: 9080, inbound: 19080, protocol: 'http' }],
    capture: { bind: '127.0.0.1', proxy: 15001, ports: true },
  },
  controlPlane: { host: '127.0.0.1', port: 15012, serverName: 'xds.weft', rootPem: selfSigned('xds.weft').certificate },
  credential: new Secret('9f2.c2VjcmV0_-.abc'),
  admin: { kind: 'pipe', path: '/tmp/admin.sock' },
  stats: { flushInterval: 5000 },
};

describe('createBootstrap (E1 to E6, E30, E33)', () => {
  test('is a valid Bootstrap with the values that the facts demand', () => {
    const json = createBootstrap(options);
    expect(() => fromCanonicalJson(BootstrapSchema, json)).not.toThrow();
    expect(json).toMatchObject({
      node: { id: 'reviews-1.shop', cluster: 'reviews', metadata: { weft: options.metadata } },
      admin: { address: { pipe: { path: '/tmp/admin.sock', mode: 384 } } },
      dynamic_resources: {
        ads_config: {
          api_type: 'DELTA_GRPC',
          set_node_on_first_message_only: true,
          grpc_services: [
            {
              envoy_grpc: {
                cluster_name: 'xds',
                skip_envoy_headers: true,
                retry_policy: { retry_back_off: { base_interval: '0.200s', max_interval: '2s' } },
              },
              initial_metadata: [{ key: 'authorization', value: 'Bearer 9f2.c2VjcmV0_-.abc' }],
            },
          ],
        },
        cds_config: { initial_fetch_timeout: '0s' },
        lds_config: { initial_fetch_timeout: '0s' },
      },
      stats_flush_interval: '5s',
      stats_sinks: [{ typed_config: { report_counters_as_deltas: true, emit_tags_as_labels: true } }],
    });
    const text = JSON.stringify(json);
    expect(text).toContain('"tls_minimum_protocol_version":"TLSv1_3","tls_maximum_protocol_version":"TLSv1_3"');
    expect(text).toContain('"connection_keepalive":{"interval":"30s","timeout":"10s"}');
    expect(text).toContain('"type":"STATIC"');
  });

  test('a control plane with a name is resolved again and again', () => {
    const json = createBootstrap({ ...options, controlPlane: { ...options.controlPlane, host: 'cp.example' } });
    expect(JSON.stringify(json)).toContain('"type":"STRICT_DNS"');
  });

  test('a credential that Envoy would change on the wire is refused', () => {
    expect(() => createBootstrap({ ...options, credential: new Secret('a%b') })).toThrow(RangeError);
  });

  test.each([
    ['a socket and an IP address', options],
    [
      'a port and a DNS name',
      {
        ...options,
        controlPlane: { ...options.controlPlane, host: 'localhost' },
        admin: { kind: 'tcp', address: '127.0.0.1', port: 15000 },
      } as const,
    ],
  ])('the real Envoy accepts it: %s', async (_name, given) => {
    const folder = await mkdtemp(join(tmpdir(), 'weft-bootstrap-'));
    try {
      const file = join(folder, 'envoy.json');
      await writeFile(file, JSON.stringify(createBootstrap(given)), { mode: 0o600 });
      const { stdout, stderr } = await promisify(execFile)(await envoyPath(), ['--mode', 'validate', '-c', file]);
      expect(stdout + stderr).toContain('OK');
      expect(stdout + stderr).not.toMatch(/deprecated/i);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});
