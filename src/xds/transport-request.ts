import { status } from '@grpc/grpc-js';
import type { CallViolation } from './transport-deframe.ts';
import { acceptedEncodings, type MessageEncoding } from './transport-inflate.ts';

/** What the headers of a request say to the transport. */
export interface RequestHead {
  readonly path: string;
  readonly encoding: MessageEncoding | undefined;
  /** Milliseconds; undefined: none. */
  readonly timeout: number | undefined;
}

type Headers = Readonly<Record<string, string | readonly string[] | undefined>>;

const units: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1_000, m: 1, u: 1e-3, n: 1e-6 };

/** Milliseconds of a `grpc-timeout` header: up to eight digits and a unit; undefined when it is something else. */
export function parseTimeout(text: string): number | undefined {
  const [, digits, unit] = /^(\d{1,8})([HMSmun])$/.exec(text) ?? [];
  const factor = unit === undefined ? undefined : units[unit];
  return digits === undefined || factor === undefined ? undefined : Number(digits) * factor;
}

/** What `grpc-message` holds: printable ASCII, everything else and `%` as bytes of UTF-8 in hexadecimal. */
export function percentEncode(text: string): string {
  if (/^[ -$&-~]*$/.test(text)) return text;
  let encoded = '';
  for (const byte of Buffer.from(text)) {
    const plain = byte >= 0x20 && byte <= 0x7e && byte !== 0x25;
    encoded += plain ? String.fromCharCode(byte) : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return encoded;
}

/** What is wrong with a request before its path is looked up: an HTTP status, since its sender may not speak gRPC at all. */
export function httpViolation(headers: Headers): number | undefined {
  if (headers[':method'] !== 'POST') return 405;
  const type = headers['content-type'];
  if (typeof type !== 'string' || !/^application\/grpc(?:\+proto)?(?:\s*;.*)?$/i.test(type)) return 415;
  return undefined;
}

/** Reads the headers that the transport itself acts upon. */
export function readHead(headers: Headers): { readonly ok: RequestHead } | { readonly violation: CallViolation } {
  const path = one(headers[':path']) ?? '';
  const name = one(headers['grpc-encoding']) ?? 'identity';
  const timeoutText = one(headers['grpc-timeout']);
  const timeout = timeoutText === undefined ? undefined : parseTimeout(timeoutText);
  if (timeoutText !== undefined && timeout === undefined)
    return refused(status.INVALID_ARGUMENT, `grpc-timeout is not a time: ${timeoutText}`);
  if (name !== 'identity' && name !== 'gzip' && name !== 'deflate')
    return refused(status.UNIMPLEMENTED, `messages encoded with ${name} are not read, but ${acceptedEncodings}`);
  return { ok: { path, encoding: name === 'identity' ? undefined : name, timeout } };
}

function refused(code: status, message: string) {
  return { violation: { code, message } };
}

function one(value: string | readonly string[] | undefined): string | undefined {
  return typeof value === 'string' ? value : value?.[0];
}

/** Headers that belong to the transport. */
const ownHeaders = new Set(['te', 'content-type', 'grpc-timeout', 'grpc-encoding', 'grpc-accept-encoding']);

/** The text headers of a request from name and value by turns: what is repeated stays apart. */
export function textHeaders(raw: readonly string[]): ReadonlyMap<string, readonly string[]> {
  const headers = new Map<string, string[]>();
  for (let index = 0; index + 1 < raw.length; index += 2) {
    const [name = '', value = ''] = [raw[index]?.toLowerCase(), raw[index + 1]];
    if (name.startsWith(':') || name.endsWith('-bin') || ownHeaders.has(name)) continue;
    const present = headers.get(name);
    if (present === undefined) headers.set(name, [value]);
    else present.push(value);
  }
  return headers;
}
