import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { logFormatProblem, plainCommands } from '../../src/policy/log-format.ts';
import { acceptedFormats, loggingChains } from '../support/accepted-formats.ts';
import { envoyPath } from '../support/envoy-path.ts';

const withWords = [
  '%REQ(:PATH?X-A):9%',
  '%STREAM_INFO_REQ(x-a?x-b):9%',
  '%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT(24)%',
  '%PATH:9%',
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

/** Envoy takes any words behind these; what is no number of bits is ignored. */
const onlyHere = (tail: string): readonly string[] =>
  ['DIRECT_LOCAL', 'DIRECT_REMOTE', 'LOCAL', 'REMOTE']
    .map((of) => `DOWNSTREAM_${of}`)
    .concat('UPSTREAM_LOCAL', 'UPSTREAM_REMOTE')
    .map((of) => `%${of}_ADDRESS_WITHOUT_PORT${tail}%`);

const wordCommands =
  `REQ RESP TRAILER REQUEST_HEADER RESPONSE_HEADER RESPONSE_TRAILER STREAM_INFO_REQ START_TIME START_TIME_LOCAL EMIT_TIME
  DOWNSTREAM_PEER_CERT_V_START GRPC_STATUS PATH COMMON_DURATION QUERY_PARAM QUERY_PARAMS REQUESTED_SERVER_NAME RESPONSE_CODE_DETAILS
  XFCC_VALUE DYNAMIC_METADATA ENVIRONMENT CLUSTER_METADATA UPSTREAM_METADATA FILTER_STATE UPSTREAM_FILTER_STATE
  DOWNSTREAM_DIRECT_LOCAL_ADDRESS_WITHOUT_PORT DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT
  DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT UPSTREAM_LOCAL_ADDRESS_WITHOUT_PORT UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT
  CEL TYPED_CEL METADATA REQ_WITHOUT_QUERY LISTENER_METADATA VIRTUAL_HOST_METADATA FOO`.split(/\s+/);

const tails =
  `|()|(a)|(a b)|( a)|(a:b)|(a:b:c)|(a:b:PLAIN)|(a:PLAIN)|(a:TYPED)|(a:FIELD:b)|(a:FIELD)|(a:FIELD:)|(:a)|(:path)|(:PATH?X-A)
  |(a?b)|(a?b?c)|(a?)|(?a)|(?)|(a?:b)|(a,b)|(a/b)|(%s)|(%Y-%m-%d %H)|(%n)|(%3f)|(x%%y)|(24)|(0)|(128)|(129)|(-1)|(a=b)|("a")|(a_b)
  |(a.b)|(é)|(a(b)|(a\tb)|(CAMEL_STRING)|(SNAKE_STRING)|(NUMBER)|(WQ)|(NQ)|(WQ:ORIG)|(NQ:PATH)|(NQ:ORIG_OR_PATH)|(WQ:X)|(ORIG)
  |(DECODED)|(RAW)|(SNI_ONLY)|(SNI_FIRST)|(HOST_FIRST)|(SNI_FIRST:ORIG)|(SNI_FIRST:HOST)|(HOST_FIRST:ORIG_OR_HOST)|(SNI_ONLY:ORIG)
  |(ALLOW_WHITESPACES)|(uri)|(By)|(DS_RX_BEG:DS_TX_END:ms)|(DS_RX_BEG:DS_TX_END)|(US_CX_BEG:US_HS_END:ns)|(DS_RX_BEG:foo:us)
  |(DS_RX_BEG:DS_TX_END:s)`.split(/\n? *\|/);

const odd = [
  ...['%%', '100%', '% %', '%%%', '%req(a)%', '%PROTOCOL', 'PROTOCOL%', '%PROTO COL%', '% PROTOCOL%', '%PROTOCOL%%'],
  ...[
    '%%PROTOCOL%',
    '%%PROTOCOL%%',
    '%START_TIME(%Y%)%',
    '%START_TIME(%E4Y)%',
    '%START_TIME(%E3S)%',
    '%START_TIME(%EN)%',
  ],
  ...['%START_TIME(%-n)%', '%REQ(a)%%REQ(b)%', '%REQ(a)%x', 'a%PROTOCOL%b', '%REQ(a):123456789012%'],
];

/** A bootstrap whose one listener logs so. */
function bootstrapOf(format: string): string {
  const listener = {
    name: 'l',
    address: { socketAddress: { address: '127.0.0.1', portValue: 0 } },
    filterChains: loggingChains(format),
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
  // No documentation says them all: words in capitals that the pinned Envoy holds are asked of it, those of which all
  // parts but one are known (of all 16,000 it takes no others).
  test('no command that the pinned Envoy takes is left out: each is accepted or refused by name', async () => {
    const binary = await readFile(await envoyPath(), 'latin1');
    const held = binary.matchAll(/(?<![A-Za-z0-9_])[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*(?![A-Za-z0-9_])/g);
    const parts = new Set([...plainCommands, ...wordCommands].flatMap((name) => name.split('_')));
    const names = [...new Set([...held].map(([name]) => name))].filter(
      (name) => name.split('_').filter((part) => !parts.has(part)).length <= (name.includes('_') ? 1 : 0),
    );
    expect(names.length).toBeGreaterThan(200);
    // Envoy 1.40 dies of %COALESCE(24)%.
    const formats = names.flatMap((name) => [`%${name}%`, ...(name === 'COALESCE' ? [] : [`%${name}(a)%`])]);
    const accepted = await acceptedFormats(formats);
    expect(accepted.size).toBeGreaterThan(150);
    expect([...accepted].filter((format) => logFormatProblem(format)?.kind === 'wrong').sort()).toEqual(
      onlyHere('(a)'),
    );
    expect(formats.filter((format) => logFormatProblem(format) === undefined && !accepted.has(format))).toEqual([]);
  }, 200_000);

  test('what stands behind a command is judged as the pinned Envoy does, or more strictly where it would be ignored', async () => {
    const formats = [
      ...[...plainCommands].flatMap((name) => ['()', ':3', '(24)'].map((tail) => `%${name}${tail}%`)),
      ...wordCommands.flatMap((name) => tails.flatMap((tail) => ['', ':3'].map((end) => `%${name}${tail}${end}%`))),
      ...odd,
    ];
    const accepted = await acceptedFormats(formats);
    const different = formats.flatMap((format) => {
      const problem = logFormatProblem(format)?.kind;
      if (problem === undefined && !accepted.has(format)) return [`only here: ${format}`];
      return problem === 'wrong' && accepted.has(format) ? [`only Envoy: ${format}`] : [];
    });
    const ignored = tails.filter((tail) => !/^(?:|\(\)|\((?:24|0|128)\))$/.test(tail)).flatMap(onlyHere);
    expect([...new Set(different)].sort()).toEqual(
      [...new Set(ignored)].map((format) => `only Envoy: ${format}`).sort(),
    );
  }, 200_000);

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
    '%TYPED_CEL(request.path)%',
    '%METADATA(CLUSTER:a:b)%',
    '%REQ_WITHOUT_QUERY(:path)%',
    '%COALESCE({"operators":["HOSTNAME"]})%',
  ])('%s is refused by name', (format) => expect(logFormatProblem(format)?.kind).toBe('refused'));
});
