import { createServer as createHttpServer } from 'node:http';
import { createServer, type Server } from 'node:net';
import { create } from '@bufbuild/protobuf';
import { afterEach, describe, expect, test } from 'vitest';
import type { ProbeCheck, ReadinessProbe } from '../../src/model/workload-group.ts';
import { ProbeSchema } from '../../src/proto/gen/weft/v1/membership_pb.ts';
import { probeMessage, probeOf } from '../../src/sidecar/probe-message.ts';
import { count, nothingKnown, type ProbeTally } from '../../src/sidecar/probe-tally.ts';
import {
  createProbeWatch,
  type HealthAnswer,
  type HealthReport,
  type ProbeEvent,
} from '../../src/sidecar/probe-watch.ts';
import { eventually } from '../support/eventually.ts';
import { listenOnLoopback } from '../support/listening.ts';

const closing: (() => unknown)[] = [];
afterEach(async () => {
  await Promise.all(closing.splice(0).map((close) => close()));
});

const ground = { applicationAddress: '127.0.0.1', allowsCommands: true };

async function listening(server: Server): Promise<number> {
  const { port, close } = await listenOnLoopback(server);
  closing.push(close);
  return port;
}

describe('results in a row', () => {
  const thresholds = { successThreshold: 2, failureThreshold: 3 };
  const after = (results: string) =>
    [...results].reduce(
      (tally: ProbeTally, result) =>
        count(tally, result === '+' ? { ok: true } : { ok: false, reason: '' }, thresholds),
      nothingKnown,
    ).healthy;

  test.each([
    ['', undefined],
    ['+', undefined],
    ['++', true],
    ['--', undefined],
    ['---', false],
    ['++--', true],
    ['++---', false],
    ['++--+--+--', true],
    ['---+-+-+', false],
    ['---++', true],
    ['+-+-+-', undefined],
  ])('%s', (results, healthy) => {
    expect(after(results)).toBe(healthy);
  });
});

const probe: ReadinessProbe = {
  initialDelay: 0,
  period: 20,
  timeout: 1_000,
  successThreshold: 1,
  failureThreshold: 1,
  check: { kind: 'tcp', port: 1 },
};

describe('a probe on its way', () => {
  test.each<ProbeCheck>([
    { kind: 'http', scheme: 'https', host: 'h', port: 1, path: '/a', headers: [{ name: 'a', value: 'b' }] },
    { kind: 'http', scheme: 'http', port: 1, path: '/', headers: [] },
    { kind: 'tcp', port: 2 },
    { kind: 'tcp', host: 'h', port: 2 },
    { kind: 'grpc', port: 3, service: '' },
    { kind: 'exec', command: ['a', 'b'] },
  ])('arrives as it was sent: $kind', (check) => {
    const sent = { ...probe, initialDelay: 2 ** 41, check };
    expect(probeOf(create(ProbeSchema, probeMessage(sent)))).toEqual(sent);
  });
});

describe('the watch of a workload', () => {
  function watching(answers: (report: HealthReport | undefined) => HealthAnswer | Promise<HealthAnswer>) {
    const reports: (HealthReport | undefined)[] = [];
    const events: ProbeEvent[] = [];
    const watch = createProbeWatch({
      async ask(report) {
        reports.push(report);
        return answers(report);
      },
      ground,
      onEvent: (event) => events.push(event),
      askEvery: 50,
    });
    closing.push(watch.stop);
    return { watch, reports, events };
  }
  const grouped = (version: string, more: object = {}): HealthAnswer => ({
    joined: true,
    group: 'g',
    version,
    ...more,
  });

  test('asks once where there is no group', async () => {
    const { watch, reports } = watching(() => ({ joined: true, group: '', version: '' }));
    watch.connected();
    const other = watching(() => grouped(''));
    other.watch.connected();
    await eventually('another one has asked four times', () => other.reports.length >= 4);
    expect(reports).toEqual([undefined]);
  });

  test('tells what changed at once, and again with each question; a lost answer is asked for anew', async () => {
    const server = createServer((socket) => socket.destroy());
    const port = await listening(server);
    let lost = 1;
    const { watch, reports, events } = watching(() => {
      if (lost-- > 0) throw new Error('away');
      return grouped('v1', { probe: { ...probe, check: { kind: 'tcp', port } } });
    });
    watch.connected();
    await eventually('it is healthy', () => reports.at(-1)?.healthy === true);
    await new Promise((resolve) => server.close(resolve));
    await eventually('it is not', () => reports.at(-1)?.healthy === false);
    expect(reports.at(-1)).toEqual({
      version: 'v1',
      healthy: false,
      reason: expect.stringContaining(`TCP 127.0.0.1:${port}: `),
    });
    expect(events).toEqual([
      { event: 'probing', probe: `TCP 127.0.0.1:${port}`, period: 20 },
      { event: 'health', healthy: true },
      { event: 'health', healthy: false, reason: expect.stringContaining(`TCP 127.0.0.1:${port}: `) },
    ]);
    const before = reports.length;
    await eventually('it is told again', () => reports.length > before + 1);
    expect(new Set(reports.slice(before).map((report) => report?.healthy))).toEqual(new Set([false]));
  });

  test('follows another probe, and the end of all probes', async () => {
    let answer = grouped('v1', { probe });
    const { watch, reports, events } = watching(() => answer);
    watch.connected();
    await eventually('it was probed', () => reports.at(-1)?.version === 'v1');
    answer = grouped('v2', { probe: { ...probe, failureThreshold: 2 } });
    await eventually('another one', () => reports.at(-1)?.version === 'v2');
    answer = grouped('');
    await eventually('none', () => events.at(-1)?.event === 'probing');
    await eventually('nothing is told', () => reports.at(-1) === undefined);
  });

  test('tests one at a time, and waits for the first', async () => {
    let open = 0;
    let most = 0;
    let served = 0;
    const server = createHttpServer(async (_request, response) => {
      open += 1;
      most = Math.max(most, open);
      await new Promise((resolve) => setTimeout(resolve, 60));
      open -= 1;
      served += 1;
      response.end();
    });
    const check = { kind: 'http', scheme: 'http', port: await listening(server), path: '/', headers: [] } as const;
    const since = Date.now();
    const { watch, events } = watching(() =>
      grouped('v1', { probe: { ...probe, period: 1, initialDelay: 300, check } }),
    );
    watch.connected();
    await eventually('it is known', () => events.some(({ event }) => event === 'health'));
    expect(Date.now() - since).toBeGreaterThan(280);
    await eventually('more were made', () => served >= 4);
    expect(most).toBe(1);
  });
});
