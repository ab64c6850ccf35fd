import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { logFormatProblem, plainCommands } from '../../src/policy/log-format.ts';
import { envoyPath } from '../support/envoy-path.ts';

const withWords = [
  '%REQ(:PATH?X-A):9%',
  '%RESP(x-b)%',
  '%TRAILER(grpc-status)%',
  '%START_TIME(%Y-%m-%dT%H:%M:%S.%3f)%',
  '%START_TIME(%s)%',
  '%EMIT_TIME_LOCAL(%c)%',
  '%UPSTREAM_PEER_CERT_V_END(%Y)%',
  '%GRPC_STATUS(CAMEL_STRING)%',
  '%PATH(NQ:PATH):9%',
  '%COMMON_DURATION(US_CX_BEG:US_HS_END:ns)%',
  '%QUERY_PARAM(a):3%',
  '%DYNAMIC_METADATA(a:b)%',
  '%ENVIRONMENT(HOME)%',
  '%CLUSTER_METADATA(a:b)%',
  '%FILTER_STATE(a:PLAIN):4%',
  '%UPSTREAM_FILTER_STATE(a)%',
];

describe('formats of access logs (D28)', () => {
  test('every command that is accepted is one that the pinned Envoy takes', async () => {
    const format = [...[...plainCommands].map((name) => `%${name}%`), ...withWords, '100%% sure'].join(' ');
    expect(logFormatProblem(format)).toBeUndefined();
    const logger = {
      '@type': 'type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog',
      logFormat: { textFormatSource: { inlineString: format } },
    };
    const proxy = {
      '@type': 'type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy',
      statPrefix: 'x',
      cluster: 'c',
      accessLog: [{ name: 'lines', typedConfig: logger }],
    };
    const listener = {
      name: 'l',
      address: { socketAddress: { address: '127.0.0.1', portValue: 0 } },
      filterChains: [{ filters: [{ name: 'tcp', typedConfig: proxy }] }],
    };
    const folder = await mkdtemp(join(tmpdir(), 'weft-log-format-'));
    try {
      const file = join(folder, 'envoy.json');
      const staticResources = { listeners: [listener], clusters: [{ name: 'c', connectTimeout: '1s' }] };
      await writeFile(file, JSON.stringify({ staticResources }));
      const run = promisify(execFile)(await envoyPath(), ['--mode', 'validate', '-l', 'error', '-c', file]);
      expect((await run).stdout).toContain('OK');
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  // What Envoy refuses, with the whole listener.
  test.each([
    '%FOO%',
    '50 % off',
    '%REQ%',
    '%REQ()%',
    '%REQ(a?b?c)%',
    '%PROTOCOL:5%',
    '%PROTOCOL(a)%',
    '%COMMON_DURATION(a)%',
    '%START_TIME(%n)%',
    '%FILTER_STATE(a:ROUND)%',
    '%DURATION',
  ])('%j is told before Envoy does', (format) => {
    expect(logFormatProblem(format)?.kind).toBe('wrong');
  });

  test.each(['%CEL(request.path)%', '%METADATA(CLUSTER:a:b)%', '%REQ_WITHOUT_QUERY(:path)%'])(
    '%s is refused by name',
    (format) => expect(logFormatProblem(format)?.kind).toBe('refused'),
  );
});
