import { type ClientHttp2Session, connect, createServer, type ServerHttp2Session } from 'node:http2';
import { eventually } from './eventually.ts';

/** A gRPC service whose one method sends back each message of an open stream. */
export function startChatApplication(where: {
  readonly address: string;
  readonly port: number;
}): Promise<{ close(): Promise<void> }> {
  const sessions = new Set<ServerHttp2Session>();
  const server = createServer();
  server.on('session', (session) => {
    sessions.add(session);
    session.on('close', () => sessions.delete(session));
  });
  server.on('stream', (stream) => {
    stream.on('error', () => undefined);
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    stream.pipe(stream);
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(where.port, where.address, () =>
      resolve({
        close: () =>
          new Promise((done) => {
            server.close(() => done());
            for (const session of sessions) session.destroy();
          }),
      }),
    );
  });
}

/** What open streams saw; whole when `received === sent` and nothing broke one. */
export interface ChatReport {
  readonly sent: number;
  /** Messages that came back, in each stream once and in order. */
  readonly received: number;
  /** What ended a stream before its time. */
  readonly broken: readonly string[];
}

/** gRPC streams that stay open, each on a connection of its own, and send a numbered message every `interval` milliseconds. */
export function startChats(
  streams: number,
  target: { readonly host: string; readonly port: number },
  interval: number,
): { stop(): Promise<ChatReport> } {
  const chats = Array.from({ length: streams }, () => startChat(target, interval));
  return {
    async stop() {
      const reports = await Promise.all(chats.map((chat) => chat.stop()));
      const sum = (of: 'sent' | 'received') => reports.reduce((total, report) => total + report[of], 0);
      return { sent: sum('sent'), received: sum('received'), broken: reports.flatMap(({ broken }) => broken) };
    },
  };
}

function startChat(
  target: { readonly host: string; readonly port: number },
  interval: number,
): { stop(): Promise<ChatReport> } {
  const session: ClientHttp2Session = connect(`http://${target.host}:${target.port}`);
  const broken: string[] = [];
  let [sent, received, stopping] = [0, 0, false];
  session.on('error', (error) => broken.push(`session: ${error.message}`));
  const stream = session.request({
    ':method': 'POST',
    ':path': '/Chat/Talk',
    'content-type': 'application/grpc',
    te: 'trailers',
  });
  stream.on('error', (error) => broken.push(`stream: ${error.message}`));
  stream.on('response', (headers) => {
    if (headers[':status'] !== 200) broken.push(`status ${headers[':status']}`);
  });
  stream.on('close', () => {
    if (!stopping) broken.push(`closed after ${received} messages`);
  });
  let buffered = Buffer.alloc(0);
  stream.on('data', (chunk: Buffer) => {
    buffered = Buffer.concat([buffered, chunk]);
    while (buffered.length >= 9) {
      received += 1;
      const number = buffered.readUInt32BE(5);
      if (number !== received) broken.push(`message ${number} where ${received} was due`);
      buffered = buffered.subarray(9);
    }
  });
  const timer = setInterval(() => {
    if (stream.destroyed) return;
    sent += 1;
    // No compression, 4 bytes: the number.
    const message = Buffer.alloc(9);
    message.writeUInt32BE(4, 1);
    message.writeUInt32BE(sent, 5);
    stream.write(message);
  }, interval);
  return {
    async stop() {
      clearInterval(timer);
      await eventually('the last message is back', () => received >= sent || broken.length > 0, 10_000);
      stopping = true;
      session.destroy();
      return { sent, received, broken };
    },
  };
}
