import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
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
  '%REQUEST_HEADER(:path?x-a):9%',
  '%RESPONSE_HEADER(x-b)%',
  '%RESPONSE_TRAILER(grpc-status)%',
  '%QUERY_PARAMS(DECODED):9%',
  '%REQUESTED_SERVER_NAME(SNI_FIRST:ORIG)%',
  '%RESPONSE_CODE_DETAILS(ALLOW_WHITESPACES)%',
  '%XFCC_VALUE(uri):9%',
];

/** A bootstrap whose one listener logs so. */
function bootstrapOf(format: string): string {
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
  return JSON.stringify({
    staticResources: { listeners: [listener], clusters: [{ name: 'c', connectTimeout: '1s' }] },
  });
}

describe('formats of access logs (D28)', () => {
  test('every command that is accepted is one that the pinned Envoy takes', async () => {
    const format = [...[...plainCommands].map((name) => `%${name}%`), ...withWords, '100%% sure'].join(' ');
    expect(logFormatProblem(format)).toBeUndefined();
    const folder = await mkdtemp(join(tmpdir(), 'weft-log-format-'));
    try {
      const file = join(folder, 'envoy.json');
      await writeFile(file, bootstrapOf(format));
      const run = promisify(execFile)(await envoyPath(), ['--mode', 'validate', '-l', 'error', '-c', file]);
      expect((await run).stdout).toContain('OK');
    } finally {
      await rm(folder, { recursive: true });
    }
  });
  // No documentation says them all: they are asked of the pinned Envoy, which names them itself (`strings`).
  test('no command that the pinned Envoy names is left out', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'weft-log-names-'));
    const binary = await readFile(await envoyPath(), 'latin1');
    const named = binary.matchAll(/(?<![A-Z0-9_])(?:DOWN|UP)STREAM_[A-Z0-9_]{3,60}(?![A-Z0-9_])/g);
    const unknown = [...new Set([...named].map(([name]) => name))].filter(
      (name) => logFormatProblem(`%${name}%`) !== undefined && logFormatProblem(`%${name}(a)%`) !== undefined,
    );
    try {
      for (const name of unknown) {
        const file = join(folder, 'envoy.json');
        await writeFile(file, bootstrapOf(`%${name}%`));
        const run = promisify(execFile)(await envoyPath(), ['--mode', 'validate', '-l', 'error', '-c', file]);
        expect(
          await run.then(
            () => name,
            () => 'refused',
          ),
        ).toBe('refused');
      }
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
    '%UPSTREAM_HOSTS_ATTEMPTED:5%',
    '%QUERY_PARAMS(a)%',
    '%REQUESTED_SERVER_NAME(SNI_FIRST:x)%',
    '%XFCC_VALUE(a)%',
    '%DURATION',
  ])('%j is told before Envoy does', (format) => {
    expect(logFormatProblem(format)?.kind).toBe('wrong');
  });

  test.each([
    '%CEL(request.path)%',
    '%METADATA(CLUSTER:a:b)%',
    '%REQ_WITHOUT_QUERY(:path)%',
    '%COALESCE({"operators":["HOSTNAME"]})%',
  ])('%s is refused by name', (format) => expect(logFormatProblem(format)?.kind).toBe('refused'));
});
