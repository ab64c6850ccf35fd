import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createRefusalNews, refusalPlace } from '../../src/control-plane/refusal-news.ts';
import type { RefusedResource } from '../../src/model/status.ts';
import { createRefusalWatch, type RefusalEvent } from '../../src/sidecar/refusal-watch.ts';

const refused: RefusedResource = {
  type: 'RDS',
  resource: 'out_proxy',
  scope: 'view shop',
  agent: 'envoy 1.40.0',
  refusedVersion: 'v2',
  message: 'missing )',
  at: '2026-11-22T08:11:04.000Z',
  firstRefusedBy: 'client-1.shop',
  refusals: 1,
  withheldFrom: 'equals',
  wanted: true,
  fix: '',
};

test('a refusal is news at its second look, and once more when it is over', () => {
  const news: string[] = [];
  const look = createRefusalNews(({ event, refused: { resource, refusedVersion } }) =>
    news.push(`${event} ${resource} ${refusedVersion}`),
  );
  const suspect = { ...refused, resource: 'innocent' };
  look([refused, suspect]);
  expect(news).toEqual([]);
  look([refused]);
  look([refused]);
  expect(news.splice(0)).toEqual(['refused out_proxy v2']);
  // Refused in another form it is not over; the form is news.
  look([{ ...refused, refusedVersion: 'v3' }]);
  look([{ ...refused, refusedVersion: 'v3' }]);
  expect(news.splice(0)).toEqual(['refused out_proxy v3']);
  look([{ ...refused, refusedVersion: 'v3', wanted: false }]);
  look([]);
  expect(news).toEqual(['accepted out_proxy v3']);
  const source = { ref: 'VirtualService/shop/a', file: 'policies/a.yaml', line: 7, column: 1, commit: 'c2' };
  expect([refusalPlace({ source }), refusalPlace({})]).toEqual([
    'policies/a.yaml:7 (c2)',
    'no line of a policy is known',
  ]);
});

type Standing = Awaited<ReturnType<Parameters<typeof createRefusalWatch>[0]['ask']>>;

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const line = (message: string) =>
  `[2026-11-22 08:11:04.000][1][warning][config] [a.cc:1] delta config for type.googleapis.com/envoy.config.listener.v3.Listener rejected: ${message}`;
const standing = { type: 'LDS', resource: 'in_9080', message: 'no', at: '1', file: 'p.yaml', line: 3, commit: 'c1' };

/** A watch whose control plane answers as the test says; `undefined`: not at all. */
function watched() {
  const events: RefusalEvent[] = [];
  const asked = { times: 0 };
  let answer: Standing | undefined = [];
  const watch = createRefusalWatch({
    onEvent: (event) => events.push(event),
    ask: async () => {
      asked.times += 1;
      if (answer === undefined) throw new Error('no control plane');
      return answer;
    },
  });
  return {
    events,
    asked,
    watch,
    say: (next: Standing | undefined) => {
      answer = next;
    },
  };
}

test('a sidecar asks after its Envoy refused, until nothing is refused any more, and tells each once', async () => {
  const { events, asked, watch, say } = watched();
  watch.logLine('[warning] something else was rejected');
  await vi.advanceTimersByTimeAsync(60_000);
  expect(asked.times).toBe(0);
  say([standing, { ...standing, resource: 'in_9081', file: '', line: 0, commit: '' }]);
  watch.logLine(line('no'));
  watch.logLine(line('no'));
  await vi.advanceTimersByTimeAsync(60_000);
  expect(events.splice(0)).toEqual([
    { event: 'refused', type: 'LDS', resource: 'in_9080', message: 'no', place: 'p.yaml:3 (c1)' },
    { event: 'refused', type: 'LDS', resource: 'in_9081', message: 'no' },
  ]);
  expect(asked.times).toBeGreaterThan(10);
  say([{ ...standing, at: '2', message: 'still no' }]);
  await vi.advanceTimersByTimeAsync(5_000);
  expect(events.splice(0)).toEqual([
    { event: 'refused', type: 'LDS', resource: 'in_9080', message: 'still no', place: 'p.yaml:3 (c1)' },
    { event: 'accepted', type: 'LDS', resource: 'in_9081' },
  ]);
  // Who does not answer ends no refusal.
  say(undefined);
  await vi.advanceTimersByTimeAsync(20_000);
  expect(events).toEqual([]);
  say([]);
  await vi.advanceTimersByTimeAsync(5_000);
  expect(events.splice(0)).toEqual([{ event: 'accepted', type: 'LDS', resource: 'in_9080' }]);
  const { times } = asked;
  await vi.advanceTimersByTimeAsync(60_000);
  expect(asked.times).toBe(times);
});

test('where the control plane cannot be asked Envoy’s words are told, once; after the end nothing is', async () => {
  const { events, asked, watch, say } = watched();
  say(undefined);
  watch.logLine(line('bad listener'));
  await vi.advanceTimersByTimeAsync(2_000);
  watch.logLine(line('bad listener'));
  await vi.advanceTimersByTimeAsync(60_000);
  expect(events).toEqual([{ event: 'refused', type: 'Listener', resource: '', message: 'bad listener' }]);
  watch.stop();
  watch.logLine(line('worse'));
  const { times } = asked;
  await vi.advanceTimersByTimeAsync(60_000);
  expect([events.length, asked.times]).toEqual([1, times]);
});
