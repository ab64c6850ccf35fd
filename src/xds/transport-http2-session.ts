import { constants, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import { type PeerCertificate, TLSSocket } from 'node:tls';
import { status } from '@grpc/grpc-js';
import type { Offence } from './penalties.ts';
import { stillValid } from './tls-source.ts';
import { ageText, cutText, endedText, idlePartOfAge, shutDownText, slowText, type TransportHost } from './transport.ts';
import { answer, type CallHost, Http2Call, longestMessage } from './transport-http2-call.ts';
import { acceptedEncodings, type Inflater } from './transport-inflate.ts';
import { keepNativeSession } from './transport-native-session.ts';
import { Allowance, RateGuard } from './transport-rate.ts';
import { httpViolation, percentEncode, readHead } from './transport-request.ts';
import { WriteTurn } from './transport-write-turn.ts';

/**
 * Per second and connection; far above what a client does, far below what hurts (T11). Resets: nghttp2 itself says GOAWAY after a burst of
 * 1,000, but leaves the connection standing.
 */
const floodLimits = { streams: 300, resets: 300, pings: 500, settings: 100, priorities: 100 };
/**
 * X20, for a connection whose client has been accepted and does not aggregate: an Envoy begins all streams of a type at once. It is told of
 * them before its first answers.
 */
const many = { concurrent: 1_024, streams: 1_200, resets: 1_200 };
/**
 * Bytes per second that are no part of a message, and how many more at once. A proxy sends some dozen per message; what nghttp2 reads for
 * itself, such as window updates, nobody else counts.
 */
const noise = { perSecond: 512 * 1024, burst: 512 * 1024 };
/** Bytes on their way per connection. Without TLS they are not copied and cost nothing, so a slice is only there to take turns. */
const slices = { tls: 64 * 1024, plaintext: 512 * 1024 };
/** Of the largest messages, how many a connection may leave unfinished (T7). */
const keptMessages = 2;
/** What a connection may have on its way to us, all streams together. */
const connectionWindow = 1024 * 1024;

type Headers = Readonly<Record<string, string | readonly string[] | undefined>>;

/** One HTTP/2 connection: its calls, its keepalive, its age, and the guard against floods. */
export class Http2ServerSession implements CallHost {
  readonly peer: string;
  readonly turn: WriteTurn;
  readonly receiveLimit: number;
  readonly inflater: Inflater;
  readonly #session: ServerHttp2Session;
  readonly #host: TransportHost;
  readonly #calls = new Set<Http2Call>();
  readonly #streams = guardOf('streams');
  readonly #resets = guardOf('resets');
  #cancelKeepalive = () => {};
  #cancelAge = () => {};
  #cancelIdle = () => {};
  #isRetired = false;
  #hasMany = false;
  readonly #shown: ShownCertificate | undefined;
  #kept = 0;
  /** Bytes of messages that have come. */
  #said = 0;
  readonly #noise = new Allowance(noise.perSecond, noise.burst);
  /** Why it is about to be destroyed; what still comes is passed over. */
  #cutReason: string | undefined;

  constructor(session: ServerHttp2Session, host: TransportHost, inflater: Inflater) {
    const { remoteAddress, remotePort } = session.socket;
    this.peer = `${remoteAddress}:${remotePort}`;
    this.#shown = clientCertificate(session, host);
    this.#session = session;
    this.#host = host;
    this.turn = new WriteTurn(host.credentials === 'plaintext' ? slices.plaintext : slices.tls, host.later);
    this.inflater = inflater;
    this.receiveLimit = host.settings.receiveLimit;
    const [pings, settings, priorities] = [guardOf('pings'), guardOf('settings'), guardOf('priorities')];
    session.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code?.startsWith('ERR_HTTP2_') === true)
        this.#abused('protocol', status.INVALID_ARGUMENT, `HTTP/2: ${error.message}`);
      else this.#destroy('the connection is lost');
    });
    session.on('ping', () => this.#flood(pings));
    session.on('remoteSettings', () => this.#flood(settings));
    session.on('priority', () => this.#flood(priorities));
    session.on('stream', (stream: ServerHttp2Stream, headers: Headers, _flags: number, raw: readonly string[]) =>
      this.#accept(stream, headers, raw),
    );
    keepNativeSession(session);
    session.on('close', () => {
      this.#cancelKeepalive();
      this.#cancelAge();
      this.#cancelIdle();
    });
    session.setLocalWindowSize(connectionWindow);
    this.#keepAlive();
    // X17: ±10 %, so that a fleet that came together does not come again together.
    const age = host.settings.maxAge * (0.9 + 0.2 * Math.random());
    this.#cancelAge = host.clock.after(age, () => this.retire(ageText));
  }

  get certificate(): Uint8Array | undefined {
    return this.#shown?.isVerified === true ? stillValid(this.#shown.certificate, Date.now()) : undefined;
  }

  get cutReason(): string | undefined {
    return this.#cutReason;
  }

  get #doomed(): boolean {
    return this.#cutReason !== undefined;
  }

  keep(bytes: number): boolean {
    this.#kept += bytes;
    return this.#kept <= keptMessages * this.receiveLimit;
  }

  received(bytes: number): void {
    this.#said += bytes;
  }

  /** T11: cuts the connection when it sends much more than messages. */
  cutNoisy(now: number): void {
    if (this.#doomed || this.#session.destroyed) return;
    // What has come and waits to be read is none: its handler may take its time.
    let unread = 0;
    for (const call of this.#calls) unread += call.unread;
    const heard = (this.#session.socket.bytesRead ?? 0) - this.#said - unread;
    if (this.#noise.exceeded(now, heard)) this.#flooded('bytes that are no part of a message', noise.perSecond);
  }

  confirm(isMany: boolean): void {
    this.#host.confirm(this.peer);
    if (!isMany || this.#hasMany || this.#doomed || this.#session.destroyed) return;
    if (!this.#host.grantMany(this.peer)) return;
    this.#hasMany = true;
    this.#streams.rate.limit = many.streams;
    this.#resets.rate.limit = many.resets;
    this.#session.settings({ maxConcurrentStreams: many.concurrent });
  }

  onFailure(error: unknown): void {
    this.#host.onFailure(error, this.peer);
  }

  onClose(call: Http2Call): void {
    this.#calls.delete(call);
    if (this.#calls.size > 0 || this.#session.destroyed) return;
    const { clock, settings } = this.#host;
    this.#cancelIdle();
    this.#cancelIdle = clock.after(settings.maxAge * idlePartOfAge, () => this.retire(ageText));
  }

  /** T10: cuts the connection when what was written on one of its calls does not go. */
  cutStalled(): void {
    const now = this.#host.clock.now();
    const limit = this.#host.settings.slowReader;
    if (this.#doomed || ![...this.#calls].some((call) => call.stalled(now, limit))) return;
    this.#host.refused(this.peer, status.DEADLINE_EXCEEDED, slowText(limit));
    this.#destroy(slowText(limit));
  }

  /** X24: ends all calls with a status and says GOAWAY; the session closes when the last byte has gone. */
  shutDown(text = shutDownText): void {
    for (const call of [...this.#calls]) call.fail(status.UNAVAILABLE, text);
    if (!this.#session.closed) this.#session.close();
  }

  /** Says GOAWAY; calls that are open have the grace to end by themselves, and are then told why they are ended. */
  retire(message: string): void {
    if (this.#isRetired || this.#doomed || this.#session.destroyed) return;
    this.#isRetired = true;
    const { clock, settings } = this.#host;
    this.#cancelAge();
    this.#session.close();
    this.#cancelAge = clock.after(settings.maxAgeGrace, () => {
      this.shutDown(message);
      this.#cancelAge = clock.after(1_000, () => this.#destroy(message));
    });
  }

  /**
   * Frees everything (6.2), in a turn of its own: Node aborts the process when a session is destroyed while nghttp2 is reading for it,
   * as it is in most of its events.
   */
  #destroy(reason: string): void {
    if (this.#doomed) return;
    this.#cutReason = reason;
    setImmediate(() => {
      this.#host.destroy(this.peer);
      Reflect.deleteProperty(this.#session, 'closed');
      this.#session.destroy();
    });
  }

  #flood({ what, rate }: ReturnType<typeof guardOf>): void {
    if (!this.#doomed && rate.exceeded(this.#host.clock.now())) this.#flooded(what, rate.limit);
  }

  #flooded(what: string, most: number): void {
    this.#abused('flood', status.RESOURCE_EXHAUSTED, `more than ${most} ${what} in a second`);
  }

  /**
   * What nghttp2 has read already it hands out to the end, and Node makes a stream of every header block: not where the session says that
   * it is closed, which to ask of it from here aborts Node. It is destroyed a moment later.
   */
  #abused(offence: Offence, code: status, message: string): void {
    if (this.#doomed) return;
    // Who may have many streams can do more harm with a broken protocol, too.
    this.#host.abused(this.peer, this.#hasMany ? 'flood' : offence);
    this.#host.refused(this.peer, code, cutText + message);
    Object.defineProperty(this.#session, 'closed', { value: true, configurable: true });
    this.#destroy(cutText + message);
  }

  #keepAlive(): void {
    const { clock, settings } = this.#host;
    this.#cancelKeepalive = clock.after(settings.keepaliveTime, () => {
      if (this.#session.destroyed) return;
      this.#cancelKeepalive = clock.after(settings.keepaliveTimeout, () =>
        this.#destroy(`${cutText}a ping is not answered for ${settings.keepaliveTimeout} ms`),
      );
      this.#session.ping((error) => {
        this.#cancelKeepalive();
        if (error === null && !this.#session.destroyed) this.#keepAlive();
      });
    });
  }

  #accept(stream: ServerHttp2Stream, headers: Headers, raw: readonly string[]): void {
    stream.on('error', () => {});
    this.#flood(this.#streams);
    if (this.#doomed) return;
    if (stream.destroyed || stream.closed) {
      this.#flood(this.#resets);
      return;
    }
    stream.on('close', () => {
      if (stream.rstCode !== constants.NGHTTP2_NO_ERROR) this.#flood(this.#resets);
    });
    const wrong = httpViolation(headers);
    if (wrong !== undefined) {
      answer(stream, { ':status': wrong });
      return;
    }
    const head = readHead(headers);
    if ('violation' in head) {
      refuse(stream, head.violation.code, head.violation.message);
      return;
    }
    const handler = this.#host.handlers.get(head.ok.path);
    if (handler === undefined) {
      refuse(stream, status.UNIMPLEMENTED, `there is no method ${head.ok.path}`);
      return;
    }
    const call = new Http2Call(stream, head.ok, raw, this);
    this.#cancelIdle();
    this.#calls.add(call);
    call.serve(handler, this.#host.clock);
    // A client that has another certificate by now shows it on another connection: on this one it would be refused until its age.
    if (this.#shown !== undefined && this.certificate === undefined) setImmediate(() => this.retire(endedText));
  }
}

function guardOf(what: keyof typeof floodLimits) {
  return { what, rate: new RateGuard(floodLimits[what]) };
}

function refuse(stream: ServerHttp2Stream, code: status, message: string): void {
  answer(stream, {
    ':status': 200,
    'content-type': 'application/grpc',
    'grpc-accept-encoding': acceptedEncodings,
    'grpc-status': String(code),
    'grpc-message': percentEncode(message.slice(0, longestMessage)),
  });
}

/** What a client showed in its handshake. */
interface ShownCertificate {
  readonly certificate: PeerCertificate;
  readonly isVerified: boolean;
}

/** It is read once, when the connection begins: a call may be asked for it when the socket has gone. */
function clientCertificate(session: ServerHttp2Session, { credentials }: TransportHost): ShownCertificate | undefined {
  const { socket } = session;
  const asked = credentials !== 'plaintext' && credentials.clientAuthority !== undefined;
  if (!asked || !(socket instanceof TLSSocket)) return undefined;
  const certificate = socket.getPeerCertificate();
  return Object.keys(certificate).length === 0 ? undefined : { certificate, isVerified: socket.authorized };
}
