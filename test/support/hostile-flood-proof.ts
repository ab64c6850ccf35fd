import { expect } from 'vitest';
import { anywhere, attack, floods } from './hostile-floods.ts';
import { isLong, latestLoop, mebibytes, pause, promise, timeUntil, twice } from './hostile-promise.ts';
import { proxies, type Scene } from './hostile-scene.ts';

/** T11, for each of these abuses in turn. */
export async function proveFlood(
  { port, server, account, settle, connectProxies, watch }: Scene,
  names: readonly string[],
  { milliseconds, width }: { readonly milliseconds: number; readonly width: number },
): Promise<void> {
  await connectProxies();
  const quiet = await watch(pause(Math.min(2_000, milliseconds)));
  const base = await settle();
  const problems: string[] = [];
  for (const [index, name] of names.entries()) {
    const flood = floods[name];
    if (flood === undefined) throw new RangeError(`there is no flood ${name}`);
    // What is held against the address of one flood is no help against the next.
    const began = performance.now();
    const attacked = attack(port, flood, milliseconds, width, () => anywhere(index));
    const { p99, loopP99, lost } = await watch(attacked);
    const { connections, cut, bytes } = await attacked;
    const during = await server.ask('memory', {});
    const gone = await timeUntil(async () => (await account()).others === 0, 5_000);
    const after = await settle();
    const more = after.heap + after.external - base.heap - base.external;
    promise(
      'T11',
      [
        `${name}, ${milliseconds / 1000} s: ${mebibytes(bytes)} over ${connections} connections, ${cut} of them closed by the server`,
        `${lost} of ${proxies} others lost, their p99 ${p99.toFixed(0)} ms (quiet ${quiet.p99.toFixed(0)} ms)`,
        `event loop p99 ${loopP99.toFixed(0)} ms`,
        `heap and external ${mebibytes(more)} more after it, RSS at most ${mebibytes(during.peakRss)}`,
      ].join('; '),
    );
    if (cut === 0 && flood.isQuiet !== true) problems.push(`${name}: no connection of it is cut`);
    // What breaks the protocol itself costs little, and waits only where it goes on and on (penalties.ts).
    const most = 10 + 2 * width + (performance.now() - began) / 100;
    if (connections > most && name !== 'window overflow') problems.push(`${name}: ${connections} connections of it`);
    if (lost > 0) problems.push(`${name}: ${lost} streams of others are lost`);
    // Seven tenths of a second beside other tests say nothing of a p99: there the cuts and connections above have to do.
    if (isLong && p99 >= twice(quiet.p99)) problems.push(`${name}: others wait ${p99.toFixed(0)} ms`);
    if (loopP99 >= latestLoop) problems.push(`${name}: the event loop is ${loopP99.toFixed(0)} ms late`);
    if (gone === undefined) problems.push(`${name}: streams of it stay`);
    if (more >= 16 * 2 ** 20) problems.push(`${name}: ${mebibytes(more)} stay`);
    if (during.peakRss >= 512 * 2 ** 20) problems.push(`${name}: ${mebibytes(during.peakRss)} meanwhile`);
  }
  expect(problems).toEqual([]);
}
