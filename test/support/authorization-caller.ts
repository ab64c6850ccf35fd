import { once } from 'node:events';
import { connect as connectHttp2, type IncomingHttpHeaders, type IncomingHttpStatusHeader } from 'node:http2';
import { connect as connectTcp, createServer, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { openAuthority } from '../../src/ca/authority.ts';
import type { Svid } from '../../src/ca/svid.ts';
import { parseSpiffeId } from '../../src/model/identity.ts';
import { systemClock } from '../../src/model/state-store.ts';
import type { SentRequest } from '../../src/resolve/seen-request.ts';
import type { SecretMaterial } from '../../src/translate/translate-secrets.ts';
import { memoryStore } from './memory-store.ts';
import { rawHttp } from './raw-http.ts';

/** How a connection is made: from and to which address, as whom. */
export interface Dial {
  readonly port: number;
  readonly source: string;
  readonly destination: string;
  /** Absent: plaintext. */
  readonly svid?: Svid;
  readonly serverName?: string;
}

/** Certificates of these principals, by one authority for each trust domain, and what a server needs that believes them all. */
export async function identitiesOf(
  principals: readonly string[],
  server: string,
): Promise<{ readonly svids: readonly Svid[]; readonly secrets: SecretMaterial }> {
  const trustDomains = [...new Set([...principals, server].map((each) => each.split('/')[0] ?? ''))];
  const authorities = new Map(
    await Promise.all(
      trustDomains.map(async (trustDomain) => {
        const authority = await openAuthority({ store: memoryStore(), clock: systemClock, trustDomain });
        return [trustDomain, authority] as const;
      }),
    ),
  );
  const issue = (principal: string): Svid => {
    const identity = parseSpiffeId(`spiffe://${principal}`);
    const authority = authorities.get(identity?.trustDomain ?? '');
    if (identity === undefined || authority === undefined) throw new TypeError(`${principal} is no identity`);
    return authority.issue(identity);
  };
  const { certificateChain, privateKey } = issue(server);
  const svids = principals.map(issue);
  const bundle = [...authorities.values()].flatMap((authority) => authority.bundle.get().roots);
  for (const authority of authorities.values()) authority.dispose();
  return { svids, secrets: { certificateChain, privateKey: privateKey.expose(), bundle } };
}

/** Mesh TLS or plaintext. */
export function dial({ port, source, destination, svid, serverName }: Dial): Socket {
  const to = { host: destination, port, localAddress: source };
  if (svid === undefined) return connectTcp(to);
  return connectTls({
    ...to,
    ALPNProtocols: ['weft'],
    // Who the server is, is not asked here.
    rejectUnauthorized: false,
    cert: svid.certificateChain,
    key: svid.privateKey.expose(),
    ...(serverName === undefined ? {} : { servername: serverName }),
  });
}

/** The status of a request on a connection of its own, and what Envoy says of it; `closed` where there was no answer. */
export async function askHttp(of: Dial, { method, authority, path, headers }: SentRequest): Promise<string> {
  const client = rawHttp(of.port, () => dial(of));
  const bytes = (text: string) => Buffer.from(text).toString('latin1');
  try {
    const { status, body } = await client.ask([
      `${method} ${path} HTTP/1.1`,
      `host: ${authority}`,
      ...headers.map(([name, value]) => `${name}: ${bytes(value)}`),
    ]);
    return answerOf(status, body);
  } catch {
    return 'closed';
  } finally {
    client.close();
  }
}

export async function askHttp2(of: Dial, { method, authority, path, headers }: SentRequest): Promise<string> {
  const session = connectHttp2('http://doors', {
    createConnection: () => dial(of),
    // As much as Envoy takes and more: what is too long is refused there, not here.
    maxSendHeaderBlockLength: 1_000_000,
  });
  try {
    const own: Record<string, string | string[]> = {};
    for (const [written, value] of headers) {
      const name = written.toLowerCase();
      own[name] = name in own ? [own[name] ?? '', value].flat() : value;
    }
    const failed = once(session, 'error').then(([error]) => {
      throw error;
    });
    failed.catch(() => {});
    const head = { ':method': method, ':authority': authority, ':path': path, ':scheme': 'http' };
    const stream = session.request({ ...head, ...own }, { endStream: true });
    const answered = once(stream, 'response') as Promise<[IncomingHttpHeaders & IncomingHttpStatusHeader]>;
    const [answer] = await Promise.race([answered, failed]);
    let body = '';
    for await (const chunk of stream.setEncoding('utf8')) body += chunk;
    return answerOf(answer[':status'] ?? 0, body);
  } catch {
    return 'closed';
  } finally {
    session.destroy();
  }
}

function answerOf(status: number, body: string): string {
  return status === 403 || status === 200 ? `${status} ${body}` : `${status}`;
}

/** `200` where an echo came back, `closed` where the connection ended before; `connected` hears from where it came and to where it went. */
export function askBytes(of: Dial, connected: (ends: string) => void = () => {}): Promise<string> {
  return new Promise((resolve) => {
    const socket = dial(of);
    socket.on('connect', () => {
      const { localAddress, localPort, remoteAddress, remotePort } = socket;
      connected(`${localAddress}:${localPort}>${remoteAddress}:${remotePort}`);
    });
    const end = (outcome: string) => {
      socket.destroy();
      resolve(outcome);
    };
    socket.on('error', () => end('closed'));
    socket.on('close', () => end('closed'));
    socket.on('data', () => end('200'));
    socket.write('hello');
  });
}

/** An application that says back what it hears. */
export async function startEcho(): Promise<{ readonly address: string; readonly port: number; close(): void }> {
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy());
    socket.pipe(socket);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return { address: '127.0.0.1', port: address.port, close: () => server.close() };
}
