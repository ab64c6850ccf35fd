import { Agent, type IncomingMessage, request } from 'node:http';
import { type ClientHttp2Session, connect } from 'node:http2';
import { performance } from 'node:perf_hooks';
import { eventually } from './eventually.ts';

/** How late a request may leave, in milliseconds (section 4 of reliability.md). */
export const latestRequest = 20;

/** What a load saw; `sent = succeeded + all of failures`. */
export interface LoadReport {
  readonly sent: number;
  /** Answers with status 200 that echo their own sequence number. */
  readonly succeeded: number;
  /** How often which failure was seen: `503`, `ECONNRESET`, `echo` (the answer belongs to another request). */
  readonly failures: Readonly<Record<string, number>>;
  /** Bodies' first line of successful answers, counted: which instance answered. */
  readonly answers: Readonly<Record<string, number>>;
  /** 99th percentile of how late requests left, in milliseconds: above `latestRequest` the run says nothing. */
  readonly lateness: number;
}

export interface LoadTarget {
  readonly host: string;
  readonly port: number;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** HTTP/2 without TLS, by prior knowledge, all on one connection; for startLoad. */
  readonly http2?: boolean;
}

export interface Load {
  /** How many requests were sent so far, and how many of them have no answer yet. */
  now(): { readonly sent: number; readonly underWay: number };
  /** Waits until so many more requests have been answered, well or badly: a phase of a test lasts this long. */
  more(requests: number): Promise<void>;
  /** Stops sending, waits for the open requests, reports. */
  stop(): Promise<LoadReport>;
}

/**
 * How late requests left, for the line of a promise. A long run in which they left too late says nothing of what was called: it is void, and
 * scripts/promises.mjs repeats it. The short form runs beside other tests: there it is told alone.
 */
export function latenessOf(reports: readonly LoadReport[]): string {
  const worst = Math.max(...reports.map(({ lateness }) => lateness));
  const words = `requests left ${worst.toFixed(1)} ms late (p99)`;
  if (process.env.WEFT_LONG !== undefined && worst > latestRequest)
    throw new Error(`void: ${words}, bound ${latestRequest} ms`);
  return words;
}

/**
 * Open-loop load: requests leave on schedule, however slow the answers are. Each carries a sequence number (`x-sequence`) that the
 * application echoes. Sockets are kept alive and shared.
 */
export function startLoad(target: LoadTarget, requestsPerSecond: number): Load {
  const sender = target.http2 ? http2Sender(target) : http1Sender(target);
  const counts = { sent: 0, succeeded: 0 };
  const failures: Record<string, number> = {};
  const answers: Record<string, number> = {};
  const late: number[] = [];
  const open = new Set<Promise<void>>();
  const started = performance.now();

  const send = () => {
    const due = started + (counts.sent * 1000) / requestsPerSecond;
    late.push(performance.now() - due);
    counts.sent += 1;
    const done: Promise<void> = sender.send(counts.sent).then((outcome) => {
      if (outcome.kind === 'ok') {
        counts.succeeded += 1;
        answers[outcome.answer] = (answers[outcome.answer] ?? 0) + 1;
      } else failures[outcome.reason] = (failures[outcome.reason] ?? 0) + 1;
      open.delete(done);
    });
    open.add(done);
  };
  const timer = setInterval(() => {
    const due = ((performance.now() - started) * requestsPerSecond) / 1000;
    while (counts.sent < due) send();
  }, 2);

  const finished = () => counts.sent - open.size;
  return {
    now: () => ({ sent: counts.sent, underWay: open.size }),
    async more(requests) {
      const goal = finished() + requests;
      await eventually(`${requests} more answers`, () => finished() >= goal, 30_000);
    },
    async stop() {
      clearInterval(timer);
      await Promise.all(open);
      sender.close();
      late.sort((a, b) => a - b);
      return { ...counts, failures, answers, lateness: late[Math.floor(late.length * 0.99)] ?? 0 };
    },
  };
}

/** Sends `count` requests, at most `parallel` at a time, and reports. */
export async function sendRequests(target: LoadTarget, count: number, parallel = 16): Promise<LoadReport> {
  const agent = new Agent({ keepAlive: true, maxSockets: parallel });
  const report = { sent: 0, succeeded: 0 };
  const failures: Record<string, number> = {};
  const answers: Record<string, number> = {};
  const worker = async () => {
    while (report.sent < count) {
      report.sent += 1;
      const outcome = await once(agent, target, report.sent);
      if (outcome.kind === 'ok') {
        report.succeeded += 1;
        answers[outcome.answer] = (answers[outcome.answer] ?? 0) + 1;
      } else failures[outcome.reason] = (failures[outcome.reason] ?? 0) + 1;
    }
  };
  await Promise.all(Array.from({ length: parallel }, worker));
  agent.destroy();
  return { ...report, failures, answers, lateness: 0 };
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
  /** This side's port of the connection: equal ports, one connection. */
  readonly localPort: number;
}

/** One request on a connection of its own (or on `agent`); rejects on connection errors. */
export function fetchOnce(
  target: LoadTarget & { readonly method?: string; readonly body?: string; readonly agent?: Agent },
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const { host, port, path = '/', headers = {}, method = 'GET', body, agent } = target;
    const outgoing = request(
      { host, port, path, headers, method, agent: agent ?? false, timeout: 20_000 },
      (response) => {
        const chunks: Buffer[] = [];
        const { localPort = 0 } = response.socket;
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            body: Buffer.concat(chunks).toString(),
            localPort,
          }),
        );
        response.on('error', reject);
      },
    );
    outgoing.on('timeout', () => outgoing.destroy(new Error('no answer within 20 s')));
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

type Outcome = { readonly kind: 'ok'; readonly answer: string } | { readonly kind: 'failed'; readonly reason: string };

/** Sends numbered requests over connections of its own. */
interface Sender {
  send(sequence: number): Promise<Outcome>;
  close(): void;
}

function http1Sender(target: LoadTarget): Sender {
  const agent = new Agent({ keepAlive: true, maxSockets: 64 });
  return { send: (sequence) => once(agent, target, sequence), close: () => agent.destroy() };
}

/** One session as long as it lives; the next request after its end opens another. */
function http2Sender({ host, port, path = '/', headers = {} }: LoadTarget): Sender {
  let session: ClientHttp2Session | undefined;
  const current = () => {
    if (session === undefined || session.closed || session.destroyed) {
      session = connect(`http://${host}:${port}`);
      // Its streams tell the error, each for itself.
      session.on('error', () => undefined);
    }
    return session;
  };
  const send = (sequence: number): Promise<Outcome> =>
    new Promise((resolve) => {
      const stream = current().request({ ...headers, ':path': path, 'x-sequence': String(sequence) });
      let status = 0;
      let echo: unknown;
      let body = '';
      stream.on('response', (answer) => {
        status = Number(answer[':status']);
        echo = answer['x-sequence'];
      });
      stream.on('data', (chunk: Buffer) => {
        body += chunk.toString();
      });
      stream.on('error', (error: NodeJS.ErrnoException) =>
        resolve({ kind: 'failed', reason: error.code ?? error.message }),
      );
      stream.on('close', () => resolve(judge(status, echo, body, sequence)));
      stream.end();
    });
  return { send, close: () => session?.close() };
}

function judge(status: number, echo: unknown, body: string, sequence: number): Outcome {
  if (status !== 200) return { kind: 'failed', reason: String(status) };
  if (echo !== String(sequence)) return { kind: 'failed', reason: 'echo' };
  return { kind: 'ok', answer: body.split('\n')[0] ?? '' };
}

async function once(agent: Agent, target: LoadTarget, sequence: number): Promise<Outcome> {
  const headers = { ...target.headers, 'x-sequence': String(sequence) };
  try {
    const answer = await fetchOnce({ ...target, headers, agent });
    return judge(answer.status, answer.headers['x-sequence'], answer.body, sequence);
  } catch (error) {
    return { kind: 'failed', reason: (error as NodeJS.ErrnoException).code ?? (error as Error).message };
  }
}
