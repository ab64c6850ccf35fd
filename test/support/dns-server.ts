import { createSocket } from 'node:dgram';

export interface DnsServer {
  readonly port: number;
  /** Names that were asked for, each once. */
  readonly asked: () => readonly string[];
  close(): void;
}

/** A name server for tests, over UDP: `answer` gives the IPv4 address of a name, good for `ttl` seconds; undefined, there is none. */
export async function startDnsServer(
  address: string,
  answer: (name: string) => string | undefined,
  ttl = 60,
): Promise<DnsServer> {
  const socket = createSocket('udp4');
  const asked = new Set<string>();
  socket.on('message', (query, peer) => {
    const { name, end } = questionOf(query);
    asked.add(name);
    const type = query.readUInt16BE(end);
    const found = answer(name);
    const records = found !== undefined && type === 1 ? [found] : [];
    const header = Buffer.alloc(12);
    query.copy(header, 0, 0, 2);
    // An answer with recursion; "no such name" where there is none.
    header.writeUInt16BE(found === undefined ? 0x8183 : 0x8180, 2);
    header.writeUInt16BE(1, 4);
    header.writeUInt16BE(records.length, 6);
    socket.send(
      Buffer.concat([header, query.subarray(12, end + 4), ...records.map((found) => record(found, ttl))]),
      peer.port,
      peer.address,
    );
  });
  await new Promise<void>((resolve) => socket.bind(0, address, resolve));
  return { port: socket.address().port, asked: () => [...asked], close: () => socket.close() };
}

function questionOf(query: Buffer): { readonly name: string; readonly end: number } {
  const labels: string[] = [];
  let at = 12;
  for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
    labels.push(query.subarray(at + 1, at + 1 + length).toString('latin1'));
    at += 1 + length;
  }
  return { name: labels.join('.').toLowerCase(), end: at + 1 };
}

/** An address of the name that was asked for, good for `ttl` seconds (at most 255). */
function record(address: string, ttl: number): Buffer {
  const head = Buffer.from([0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 0, ttl, 0, 4]);
  return Buffer.concat([head, Buffer.from(address.split('.').map(Number))]);
}

/** Flags that make an Envoy ask this server alone. */
export function resolvesBy(address: string, { port }: DnsServer): readonly string[] {
  const resolver = {
    name: 'envoy.network.dns_resolver.cares',
    typed_config: {
      '@type': 'type.googleapis.com/envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig',
      resolvers: [{ socket_address: { address, port_value: port, protocol: 'UDP' } }],
      dns_resolver_options: { no_default_search_domain: true },
    },
  };
  return ['--config-yaml', JSON.stringify({ typed_dns_resolver_config: resolver })];
}
