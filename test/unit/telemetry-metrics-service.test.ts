import { expect, test } from 'vitest';
import { StreamMetricsMessageSchema } from '../../src/proto/gen/envoy/service/metrics/v3/metrics_service_pb.ts';
import { message } from '../../src/proto/message.ts';
import type { Sample } from '../../src/telemetry/metrics-service.ts';
import { openMetricsStream } from '../../src/telemetry/metrics-service.ts';
import { proxy } from '../support/telemetry-values.ts';

const label = [{ name: 'reporter', value: 'source' }];
const counted = (id?: string) =>
  message(StreamMetricsMessageSchema, {
    ...(id === undefined ? {} : { identifier: { node: { id } } }),
    envoyMetrics: [{ name: 'weft.requests_total', metric: [{ label, counter: { value: 3 } }] }],
  });

function open() {
  const recorded: Sample[] = [];
  const stream = openMetricsStream(proxy('a-1', 'a'), (_, samples) => recorded.push(...samples));
  return { stream, recorded };
}

test('a stream speaks for its own proxy, named once in its first message (T1)', () => {
  const { stream, recorded } = open();
  expect(stream.receive(counted())).toBe(false);
  expect(stream.receive(counted('b-1.shop'))).toBe(false);
  expect(recorded).toEqual([]);
  expect(stream.receive(counted('a-1.shop'))).toBe(true);
  expect(stream.receive(counted())).toBe(true);
  expect(stream.receive(counted('b-1.shop'))).toBe(false);
  expect(recorded).toEqual(
    Array(2).fill({ kind: 'count', stat: 'requests_total', tags: { reporter: 'source' }, value: 3 }),
  );
});

test('what gained nothing and what is not ours is passed over; durations come in milliseconds', () => {
  const { stream, recorded } = open();
  const summary = (sampleCount: bigint, value: number) => ({
    label,
    summary: { sampleCount, sampleSum: 2_000, quantile: [{ quantile: 0.5, value }] },
  });
  stream.receive(
    message(StreamMetricsMessageSchema, {
      identifier: { node: { id: 'a-1.shop' } },
      envoyMetrics: [
        { name: 'weft.requests_total', metric: [{ label, counter: { value: 0 } }] },
        {
          name: 'weft.request_duration',
          metric: [summary(0n, Number.NaN), summary(2n, Number.NaN), summary(2n, 1_500)],
        },
        { name: 'server.uptime', metric: [{ gauge: { value: 3 } }] },
      ],
    }),
  );
  expect(recorded).toEqual([
    {
      kind: 'duration',
      stat: 'request_duration',
      tags: { reporter: 'source' },
      count: 2,
      sum: 2,
      points: [{ quantile: 0.5, value: 1.5 }],
    },
  ]);
});
