import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { freePort } from '../../src/sidecar/free-port.ts';
import { claimOutboundAddress, type OutboundAddress, type OutboundWish } from '../../src/sidecar/outbound-address.ts';
import { portState } from '../../src/sidecar/port-owner.ts';

/** A mesh of this test alone: what others claim is nothing to it. */
const mesh = [`${process.pid.toString(16)}${Date.now().toString(16)}`];
let taken: OutboundAddress[] = [];

afterEach(() => {
  for (const { release } of taken) release();
  taken = [];
});

async function claim(wish: Partial<OutboundWish>): Promise<OutboundAddress> {
  const claimed = await claimOutboundAddress({ mesh, ports: true, ...wish });
  taken.push(claimed);
  return claimed;
}

test('each sidecar of a mesh has local ports at an address of its own, and gives it back', async () => {
  const first = await claim({});
  expect([first.address, first.because]).toEqual(['127.0.0.1', undefined]);
  const second = await claim({});
  expect([second.address, second.because]).toEqual([
    '127.0.0.2',
    'another sidecar of this mesh has the local ports of 127.0.0.1',
  ]);
  expect((await claim({})).address).toBe('127.0.0.3');
  // Another mesh has other local ports; who wants none takes none away.
  expect((await claim({ mesh: [`${mesh[0]}0`] })).address).toBe('127.0.0.1');
  expect((await claim({ ports: false })).address).toBe('127.0.0.1');
  second.release();
  expect((await claim({})).address).toBe('127.0.0.2');
  first.release();
  expect((await claim({})).address).toBe('127.0.0.1');
});

test('who knows the control plane by one thing that another sidecar knows it by is of the same mesh: a change of root separates nobody', async () => {
  const [at, old, next, other] = ['a', 'b', 'c', 'd'].map((letter) => `${letter}${mesh[0]}`);
  if (at === undefined || old === undefined || next === undefined || other === undefined) throw new Error('four names');
  const before = await claim({ mesh: [at, old] });
  expect(before.address).toBe('127.0.0.1');
  // The same address of the control plane, by a token of after the rotation.
  expect((await claim({ mesh: [at, next] })).address).toBe('127.0.0.2');
  // What was turned down at 127.0.0.1 keeps nobody else from it.
  expect((await claim({ mesh: [next] })).address).toBe('127.0.0.1');
  // An address that is written otherwise: the roots that were learned meanwhile tell.
  await before.alsoOf([old, other]);
  expect((await claim({ mesh: [other] })).address).toBe('127.0.0.2');
  before.release();
  expect((await claim({ mesh: [other] })).address).toBe('127.0.0.1');
});

test('ten at once have ten addresses', async () => {
  const all = await Promise.all(Array.from({ length: 10 }, () => claim({})));
  expect(new Set(all.map(({ address }) => address)).size).toBe(10);
});

test('what somebody asked for is taken or refused', async () => {
  expect((await claim({ asked: '127.0.5.1' })).address).toBe('127.0.5.1');
  await expect(claim({ asked: '127.0.5.1' })).rejects.toMatchObject({
    code: 'WEFT0910',
    message: 'another sidecar of this mesh has the local ports of 127.0.5.1',
    hint: 'leave --bind out for an address of its own, or name another one of 127.0.0.0/8',
  });
  expect((await claim({ asked: '::1' })).address).toBe('::1');
});

test('a port that another program has: the usual one is looked for elsewhere, one that was chosen is not', async () => {
  const port = await freePort();
  const holder = createServer().listen(port, '127.0.0.1');
  await once(holder, 'listening');
  try {
    const { address, because } = await claim({ proxy: { port, isAsked: false } });
    expect(address).toBe('127.0.0.2');
    expect(because).toMatch(new RegExp(`^port ${port} is used by pid ${process.pid} \\(`));
    for (const wish of [{ proxy: { port, isAsked: true } }, { asked: '127.0.0.1', proxy: { port, isAsked: false } }])
      await expect(claim(wish)).rejects.toMatchObject({
        code: 'WEFT0910',
        hint: 'choose another with --outbound-port, or another address of 127.0.0.0/8 with --bind, or stop that process',
      });
    // What was turned down holds nothing.
    expect((await claim({})).address).toBe('127.0.0.1');
  } finally {
    holder.close();
  }
});

test('who has the port at that address is named, not who has it at another one', async () => {
  const port = await freePort();
  const script = `require('net').createServer().listen(${port}, '127.0.0.9', () => console.log('up'))`;
  const other = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(other.stdout, 'data');
  const holder = createServer().listen(port, '127.0.0.10');
  await once(holder, 'listening');
  try {
    expect(await portState('127.0.0.10', port)).toMatchObject({ kind: 'used', owner: { pid: process.pid } });
    expect(await portState('127.0.0.9', port)).toMatchObject({ kind: 'used', owner: { pid: other.pid } });
    expect(await portState('127.0.0.11', port)).toEqual({ kind: 'free' });
  } finally {
    holder.close();
    other.kill();
  }
});

test('a port of which the last owner is about to end is waited for', async () => {
  const port = await freePort();
  const holder = createServer().listen(port, '127.0.0.1');
  await once(holder, 'listening');
  const claiming = claim({ proxy: { port, isAsked: false } });
  setTimeout(() => holder.close(), 200);
  const { address, because } = await claiming;
  expect([address, because]).toEqual(['127.0.0.1', undefined]);
});
