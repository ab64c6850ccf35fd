import { expect, test } from 'vitest';
import { logStreamEvent } from '../../src/control-plane/log-stream-event.ts';
import { clusterType, virtualHostType } from '../../src/xds/resource-types.ts';
import type { StreamEvent } from '../../src/xds/server-options.ts';

const logged = (event: StreamEvent<unknown>) => {
  const lines: unknown[][] = [];
  logStreamEvent({ warn: (...line: unknown[]) => lines.push(line) }, event);
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
  expect(logged({ ...event, typeUrl: virtualHostType })[0]?.[1]).toContain(`its newest ${virtualHostType} for`);
});

test('a refusal names the proxy where it is known', () => {
  const event = { kind: 'refused', peer, code: 7, message: 'WEFT0203 not you' } as const;
  expect(logged({ ...event, node: proxy })).toEqual([[{ component: 'xds', peer, proxy, code: 7 }, event.message]]);
  expect(logged({ ...event, node: undefined })).toEqual([[{ component: 'xds', peer, code: 7 }, event.message]]);
});

test('what is in order is not logged', () => {
  const acked = { kind: 'acked', stream: 3, typeUrl: clusterType, version: 'v', nonce: 'n', took: 4 } as const;
  expect(logged(acked)).toEqual([]);
});
