import { expect, test } from 'vitest';
import { openStream } from '../../src/xds/stream-state.ts';
import { ScriptedClient } from '../support/xds-scripted-client.ts';

test('E15 X71 X44 a virtual host that may have been taken beside a culprit is taken back when it goes, where all hosts are sent', () => {
  const client = new ScriptedClient('delta');
  client.state = openStream('delta', { ttl: false }, [], 'all');
  client.set({ VHDS: 'r/a=1 r/b=bad' });
  expect(client.ask('VHDS', [])).toEqual(['VHDS r/a=1 r/b=bad']);
  client.set({ VHDS: 'r/a=bad r/b=worse' });
  expect(client.nack('VHDS', 'missing ): (')).toEqual(['VHDS r/a=bad']);
  client.set({ VHDS: 'r/b=worse' });
  // It refused the second form of a, and may hold the first.
  expect(client.nack('VHDS', 'goo.gle/debugonly  \nname: "r/a"\n: Proto constraint')).toEqual(['VHDS r/b=worse']);
  expect(client.nack('VHDS', 'missing ): (')).toEqual(['VHDS -r/a']);
  expect([...client.ack('VHDS'), ...client.wait(3_600_000)]).toEqual([]);
});
