import { deflateSync, gzipSync } from 'node:zlib';
import { status } from '@grpc/grpc-js';
import { describe, expect, test } from 'vitest';
import { frameOf } from '../../src/xds/frame.ts';
import { Deframer } from '../../src/xds/transport-deframe.ts';
import { createInflater, type MessageEncoding } from '../../src/xds/transport-inflate.ts';
import { httpViolation, parseTimeout, percentEncode, readHead, textHeaders } from '../../src/xds/transport-request.ts';
import { eventually } from '../support/eventually.ts';

const limit = 1_000_000;

/** All messages of these chunks, as text. */
function read(chunks: readonly Uint8Array[], deframer = new Deframer(limit)): readonly string[] {
  const messages: string[] = [];
  for (const chunk of chunks) {
    deframer.push(chunk);
    for (let bytes = deframer.next(); bytes !== undefined; bytes = deframer.next())
      messages.push(Buffer.from(bytes).toString());
  }
  return messages;
}

describe('messages out of chunks', () => {
  const wire = Buffer.concat(['first', '', 'third'].map((text) => frameOf(Buffer.from(text))));

  test('split at every byte, and at every two', () => {
    for (let one = 0; one <= wire.length; one += 1)
      for (let two = one; two <= wire.length; two += 1)
        expect(read([wire.subarray(0, one), wire.subarray(one, two), wire.subarray(two)])).toEqual([
          'first',
          '',
          'third',
        ]);
    expect(read(Array.from(wire, (byte) => Buffer.from([byte])))).toEqual(['first', '', 'third']);
  });

  test('a message within one chunk is not copied', () => {
    const deframer = new Deframer(limit);
    deframer.push(wire);
    expect(deframer.next()?.buffer).toBe(wire.buffer);
    expect(deframer.held).toBe(0);
  });

  test('chunks that come while nobody asks wait in order', () => {
    const deframer = new Deframer(limit);
    for (const byte of wire.subarray(0, -1)) deframer.push(Buffer.from([byte]));
    expect(read([wire.subarray(-1)], deframer)).toEqual(['first', '', 'third']);
    expect(deframer.partial).toBe(false);
  });

  test('T7 the limit passes, one byte more is refused at its prefix', () => {
    expect(read([frameOf(Buffer.alloc(limit, 97))])).toEqual(['a'.repeat(limit)]);
    const deframer = new Deframer(limit);
    deframer.push(frameOf(Buffer.alloc(limit + 1)).subarray(0, 5));
    expect(deframer.next()).toBeUndefined();
    expect(deframer.violation?.code).toBe(status.RESOURCE_EXHAUSTED);
    deframer.push(Buffer.alloc(100));
    expect(deframer.held).toBe(0);
  });

  test('T7 what was announced costs nothing before it comes, and tiny chunks no more than their bytes', () => {
    const deframer = new Deframer(limit);
    deframer.push(frameOf(Buffer.alloc(limit)).subarray(0, 6));
    deframer.next();
    expect(deframer.held).toBeLessThanOrEqual(16 * 1024);
    for (let index = 0; index < 40_000; index += 1) {
      deframer.push(Buffer.of(1));
      deframer.next();
    }
    expect(deframer.held).toBeLessThanOrEqual(80_002);
    expect(deframer.partial).toBe(true);
  });

  test('a first byte that is neither 0 nor 1 is no message', () => {
    const deframer = new Deframer(limit);
    deframer.push(Buffer.from([2, 0, 0, 0, 0]));
    expect(deframer.next()).toBeUndefined();
    expect(deframer.violation?.code).toBe(status.INTERNAL);
  });

  test('what is compressed is told apart', () => {
    const compressed = Buffer.from([1, 0, 0, 0, 1, 65]);
    const deframer = new Deframer(limit);
    deframer.push(Buffer.concat([compressed, frameOf(Buffer.from('b'))]));
    const seen = [deframer.next(), deframer.compressed, deframer.next(), deframer.compressed];
    expect(seen).toEqual([Buffer.from('A'), true, Buffer.from('b'), false]);
  });
});

describe('inflation', () => {
  const inflate = (encoding: MessageEncoding, bytes: Uint8Array, most = limit) =>
    new Promise<object>((resolve) => createInflater(most).inflate({}, encoding, bytes, resolve));

  test('gzip and deflate', async () => {
    const text = Buffer.from('weft '.repeat(1_000));
    expect(await inflate('gzip', gzipSync(text))).toEqual({ ok: text });
    expect(await inflate('deflate', deflateSync(text))).toEqual({ ok: text });
    expect(await inflate('gzip', gzipSync(Buffer.alloc(limit)))).toHaveProperty('ok');
  });

  test('T7 a bomb is refused once it passes the limit', async () => {
    const before = process.memoryUsage().arrayBuffers;
    const bomb = gzipSync(Buffer.alloc(200 * 1024 * 1024));
    expect(bomb.length).toBeLessThan(limit);
    const result = await inflate('gzip', bomb);
    expect(result).toMatchObject({ violation: { code: status.RESOURCE_EXHAUSTED } });
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(250 * 1024 * 1024);
    expect(await inflate('gzip', gzipSync(Buffer.alloc(limit + 1)))).toMatchObject({
      violation: { code: status.RESOURCE_EXHAUSTED },
    });
  });

  test('T7 connections take turns, and what is cancelled before its turn is never inflated', async () => {
    const inflater = createInflater(limit);
    const [many, few] = [{}, {}];
    const order: string[] = [];
    const bytes = gzipSync(Buffer.alloc(limit));
    const add = (connection: object, name: string) =>
      inflater.inflate(connection, 'gzip', bytes, () => order.push(name));
    const cancels = Array.from({ length: 50 }, (_, index) => add(many, `many ${index}`));
    await new Promise<void>((resolve) => {
      inflater.inflate(few, 'gzip', gzipSync('last of few'), () => resolve());
      for (const cancel of cancels.slice(10)) cancel();
    });
    expect(order.length).toBeLessThanOrEqual(4);
    await new Promise<void>((resolve) => {
      inflater.inflate(many, 'gzip', gzipSync('last of many'), () => resolve());
    });
    // Several are inflated at a time: the last to begin may be the first to end.
    await eventually('all that was not cancelled', () => order.length >= 10);
    expect(new Set(order)).toEqual(new Set(cancels.slice(0, 10).map((_, index) => `many ${index}`)));
  });

  test('what is not compressed as it says, or is cut, ends the call', async () => {
    for (const bytes of [Buffer.from('plain'), gzipSync(Buffer.from('cut off')).subarray(0, 15), Buffer.alloc(0)])
      expect(await inflate('gzip', bytes)).toMatchObject({ violation: { code: status.INTERNAL } });
  });
});

describe('headers', () => {
  test('grpc-timeout', () => {
    const good = ['1H', '2M', '3S', '4m', '5000u', '6000000n', '0S', '99999999H'].map(parseTimeout);
    expect(good).toEqual([3_600_000, 120_000, 3_000, 4, 5, 6, 0, 99999999 * 3_600_000]);
    for (const bad of ['', '1', 'S', '1s', '-1S', '1.5S', '123456789S', '1S ', '0x1S'])
      expect(parseTimeout(bad)).toBeUndefined();
  });

  test('grpc-message holds printable ASCII, all else as hexadecimal bytes, and decodes again', () => {
    expect(percentEncode('as it is: "a", b/c?')).toBe('as it is: "a", b/c?');
    expect(percentEncode('100 %')).toBe('100 %25');
    expect(percentEncode('zeile\n')).toBe('zeile%0A');
    const odd = 'Größe 100 %\r\n→ 🕸';
    expect(percentEncode(odd)).toMatch(/^[ -~]*$/);
    expect(decodeURIComponent(percentEncode(odd))).toBe(odd);
    expect(percentEncode('\ud800')).toBe('%EF%BF%BD');
  });

  test('what is no gRPC request is told in HTTP', () => {
    const good = { ':method': 'POST', ':path': '/a/B', 'content-type': 'application/grpc' };
    expect(httpViolation(good)).toBeUndefined();
    for (const type of ['application/grpc+proto', 'application/grpc; charset=utf-8', 'application/GRPC'])
      expect(httpViolation({ ...good, 'content-type': type })).toBeUndefined();
    for (const type of ['application/json', 'application/grpc-web', 'application/grpc+json', 'text/plain', undefined])
      expect(httpViolation({ ...good, 'content-type': type })).toBe(415);
    expect(httpViolation({ ...good, ':method': 'GET' })).toBe(405);
  });

  test('encodings and times that are not known are refused', () => {
    const head = { ':path': '/a/B' };
    expect(readHead(head)).toEqual({ ok: { path: '/a/B', encoding: undefined, timeout: undefined } });
    expect(readHead({ ...head, 'grpc-encoding': 'gzip', 'grpc-timeout': '1S' })).toEqual({
      ok: { path: '/a/B', encoding: 'gzip', timeout: 1_000 },
    });
    expect(readHead({ ...head, 'grpc-encoding': 'snappy' })).toMatchObject({
      violation: { code: status.UNIMPLEMENTED },
    });
    expect(readHead({ ...head, 'grpc-timeout': 'soon' })).toMatchObject({
      violation: { code: status.INVALID_ARGUMENT },
    });
  });

  test('values of a repeated header stay apart; binary ones and those of the transport are left out', () => {
    const raw = [
      ':path',
      '/a/B',
      'authorization',
      'one',
      'Authorization',
      'two',
      'x-bin',
      'AA==',
      'te',
      'trailers',
      'x',
      'a, b',
    ];
    expect([...textHeaders(raw)]).toEqual([
      ['authorization', ['one', 'two']],
      ['x', ['a, b']],
    ]);
  });
});
