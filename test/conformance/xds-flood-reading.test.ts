import { once } from 'node:events';
import { connect } from 'node:net';
import { PerformanceObserver } from 'node:perf_hooks';
import { expect, test } from 'vitest';
import { createXdsServer } from '../../src/xds/create-xds-server.ts';
import { floods } from '../support/hostile-floods.ts';
import { opening } from '../support/hostile-raw.ts';

/** What Node says of a session that has ended, on either side of it. */
function sessionFigures(): Promise<{ readonly framesReceived: number; readonly streamCount: number }> {
  return new Promise((resolve) => {
    const observer = new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) {
        if (entry.name !== 'Http2Session') continue;
        observer.disconnect();
        resolve(Reflect.get(entry, 'detail') as { framesReceived: number; streamCount: number });
      }
    });
    observer.observe({ type: 'http2' });
  });
}

test.each(['rapid reset', 'streams without end', 'PRIORITY', 'ping', 'SETTINGS'])(
  'T11 of a connection that floods (%s) no more is read than one read of the socket',
  async (name) => {
    const flood = floods[name] ?? expect.fail('no such flood');
    const figures = sessionFigures();
    const server = await createXdsServer({ address: '127.0.0.1', port: 0, credentials: 'plaintext' });
    const socket = connect(server.port, '127.0.0.1');
    socket.on('error', () => {});
    await once(socket, 'connect');
    const batches: Buffer[] = [];
    for (let turn = 0, bytes = 0; bytes < 4 * 2 ** 20; turn += 1) {
      const batch = flood.batch(turn) ?? Buffer.alloc(0);
      batches.push(batch);
      bytes += batch.length;
    }
    socket.write(Buffer.concat([opening(), ...batches]));
    const { framesReceived, streamCount } = await figures;
    socket.destroy();
    await server.close();
    // 64 KiB are 7,700 of the smallest of these frames; 4 MiB were sent.
    expect(framesReceived).toBeLessThan(8_000);
    expect(streamCount).toBeLessThan(3_000);
  },
);
