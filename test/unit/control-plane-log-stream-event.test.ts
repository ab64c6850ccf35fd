import { expect, test } from 'vitest';
import { createStreamLog } from '../../src/control-plane/log-stream-event.ts';
import { clusterType, scopedRouteType } from '../../src/xds/resource-types.ts';
import type { StreamEvent } from '../../src/xds/server-options.ts';

function log() {
  const lines: unknown[][] = [];
  const clock = { time: 0, now: () => clock.time };
  const tell = createStreamLog({ warn: (...line: unknown[]) => lines.push(line) }, clock);
  return { lines, clock, tell };
}
const logged = (event: StreamEvent<unknown>) => {
  const { lines, tell } = log();
  tell(event);
  return lines;
};
const peer = '10.0.0.7:4711';
const proxy = 'reviews-1.shop';

test('a response that is never answered is a warning that names the proxy, the type and the time', () => {
  const event = { kind: 'unanswered', stream: 3, node: proxy, peer, version: 'v', nonce: 'n', waited: 30_450 } as const;
  expect(logged({ ...event, typeUrl: clusterType })).toEqual([
    [
      { component: 'xds', proxy, peer, type: clusterType, version: 'v', waited: 30_450 },
      'reviews-1.shop has not answered its newest CDS for 30 s: its Envoy waits for something, or hangs',
    ],
  ]);
  expect(logged({ ...event, typeUrl: scopedRouteType })[0]?.[1]).toContain(`its newest ${scopedRouteType} for`);
});

test('a refusal names the proxy where it is known', () => {
  const event = { kind: 'refused', peer, code: 7, message: 'WEFT0203 not you' } as const;
  expect(logged({ ...event, node: proxy })).toEqual([[{ component: 'xds', peer, proxy, code: 7 }, event.message]]);
  expect(logged({ ...event, node: undefined })).toEqual([[{ component: 'xds', peer, code: 7 }, event.message]]);
});

test('section 8: a response above 4 MiB, which could not be split, is a warning, once for each type', () => {
  const { lines, tell } = log();
  const sent = { kind: 'sent', resources: [], removed: [], version: 'v', generation: 1, nonce: 'n' } as const;
  for (const [stream, bytes] of [4 * 2 ** 20, 5.25 * 2 ** 20, 6 * 2 ** 20].entries())
    tell({ ...sent, stream, typeUrl: clusterType, bytes });
  tell({ ...sent, stream: 3, typeUrl: scopedRouteType, bytes: 5 * 2 ** 20 });
  expect(lines).toEqual([
    [
      { component: 'xds', type: clusterType, bytes: 5.25 * 2 ** 20 },
      'a response of CDS has 5.3 MiB and cannot be split: Envoy takes it, gRPC clients refuse more than 4 MiB unless they are told otherwise',
    ],
    [{ component: 'xds', type: scopedRouteType, bytes: 5 * 2 ** 20 }, expect.stringContaining(scopedRouteType)],
  ]);
});

test('what is in order is not logged', () => {
  const acked = { kind: 'acked', stream: 3, typeUrl: clusterType, version: 'v', nonce: 'n', took: 4 } as const;
  expect(logged(acked)).toEqual([]);
});

test('what a client says in several lines is one', () => {
  const nacked = { kind: 'nacked', stream: 3, typeUrl: clusterType, names: ['a'], version: 'v' } as const;
  const message = 'Invalid duration: Expected positive duration: goo.gle/debugproto   \nseconds: -1\n';
  expect(logged({ ...nacked, message })).toEqual([
    [
      { component: 'xds', resources: ['a'], type: clusterType },
      'Invalid duration: Expected positive duration: goo.gle/debugproto seconds: -1',
    ],
  ]);
});

test('handshakes that fail are one line per address and minute, which counts those before it', () => {
  const { lines, clock, tell } = log();
  const fail = (address: string, port: number) =>
    tell({
      kind: 'refused',
      peer: `${address}:${port}`,
      node: undefined,
      code: 16,
      message: 'TLS handshake: http request',
    });
  for (let port = 1; port <= 100; port += 1) {
    fail('10.0.0.7', port);
    fail('::1', port);
    clock.time += 500;
  }
  clock.time = 60_000;
  fail('10.0.0.7', 101);
  expect(lines).toEqual([
    [{ component: 'xds', peer: '10.0.0.7:1', code: 16 }, 'TLS handshake: http request'],
    [{ component: 'xds', peer: '::1:1', code: 16 }, 'TLS handshake: http request'],
    [{ component: 'xds', peer: '10.0.0.7:101', code: 16, passedOver: 99 }, 'TLS handshake: http request'],
  ]);
  // Streams that are turned away are told each.
  for (const message of ['one', 'two']) tell({ kind: 'refused', peer, node: proxy, code: 7, message });
  expect(lines).toHaveLength(5);
});

test('connections that are cut are counted with them', () => {
  const { lines, tell } = log();
  for (const message of ['TLS handshake: http request', 'the connection is cut: HTTP/2: Protocol error'])
    tell({ kind: 'refused', peer, node: undefined, code: 3, message });
  expect(lines).toHaveLength(1);
});

test('many addresses at once do not fill the log, nor the memory', () => {
  const { lines, clock, tell } = log();
  const fail = (host: number) =>
    tell({
      kind: 'refused',
      peer: `10.0.${host >> 8}.${host & 255}:1`,
      node: undefined,
      code: 16,
      message: 'TLS handshake: x',
    });
  for (let host = 0; host < 5_000; host += 1) fail(host);
  expect(lines).toHaveLength(1_000);
  clock.time = 60_000;
  fail(4_999);
  expect(lines).toHaveLength(1_001);
});
