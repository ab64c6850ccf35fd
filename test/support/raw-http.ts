import { connect, type Socket } from 'node:net';

export interface RawAnswer {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

/** One connection of HTTP/1.1 on which requests go out byte by byte as written, one after another. */
export interface RawHttp {
  /** `head` is the request line and the headers without the last empty line; the bytes are those of Latin-1. */
  ask(head: readonly string[], body?: string): Promise<RawAnswer>;
  close(): void;
}

/** Opens the next connection by itself where the server has closed the last one. `dial`: how; absent: to the port on loopback. */
export function rawHttp(port: number, dial: () => Socket = () => connect(port, '127.0.0.1')): RawHttp {
  let socket: Socket | undefined;
  let received = '';
  let waiting: { readonly done: (answer: RawAnswer) => void; readonly fail: (error: Error) => void } | undefined;
  const look = () => {
    const answer = waiting && readAnswer(received);
    if (waiting === undefined || answer === undefined) return;
    const { done } = waiting;
    waiting = undefined;
    received = received.slice(answer.length);
    if (answer.headers.get('connection') === 'close') drop();
    done(answer);
  };
  const drop = () => {
    socket?.destroy();
    socket = undefined;
    received = '';
  };
  const open = () => {
    const opened = dial().setNoDelay(true).setEncoding('latin1');
    opened.on('data', (text) => {
      if (opened !== socket) return;
      received += String(text);
      look();
    });
    const end = (error?: Error) => {
      if (opened !== socket) return;
      drop();
      waiting?.fail(error ?? new Error(`the connection ended before an answer`));
      waiting = undefined;
    };
    opened.on('error', end);
    opened.on('close', () => end());
    return opened;
  };
  return {
    ask(head, body = '') {
      socket ??= open();
      const answered = new Promise<RawAnswer>((done, fail) => {
        waiting = { done, fail };
      });
      socket.write(`${head.join('\r\n')}\r\n\r\n${body}`, 'latin1');
      return answered;
    },
    close: drop,
  };
}

/** The first whole answer of a text, with how much of the text it is. Its body has a length, or there is none. */
function readAnswer(text: string): (RawAnswer & { readonly length: number }) | undefined {
  const end = text.indexOf('\r\n\r\n');
  if (end < 0) return undefined;
  const [first = '', ...lines] = text.slice(0, end).split('\r\n');
  const headers = new Map(
    lines.map((line) => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()] as const;
    }),
  );
  const length = Number(headers.get('content-length') ?? 0);
  const body = text.slice(end + 4, end + 4 + length);
  if (body.length < length) return undefined;
  return { status: Number(first.split(' ')[1]), headers, body, length: end + 4 + length };
}
