// A program of its own: N proxies, each with one connection and one delta stream, that acknowledge all they are sent.
// Arguments: port, N, `plain` or `tls`. Written over node:http2 with bytes made once, so that it costs little itself.
import { type ClientHttp2Session, type ClientHttp2Stream, connect } from 'node:http2';
import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';

const [port = '', count = '', transport = ''] = process.argv.slice(2);
const path = '/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources';
const typeUrl = 'type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment';

function framed(message: Uint8Array): Buffer {
  const header = Buffer.alloc(5);
  header.writeUInt32BE(message.length, 1);
  return Buffer.concat([header, message]);
}

function firstRequest(id: string): Buffer {
  const node = new BinaryWriter().tag(1, WireType.LengthDelimited).string(id).finish();
  const request = new BinaryWriter().tag(1, WireType.LengthDelimited).bytes(node);
  request.tag(2, WireType.LengthDelimited).string(typeUrl).tag(3, WireType.LengthDelimited).string('hot');
  return framed(request.finish());
}

function acknowledgement(nonce: string): Buffer {
  const request = new BinaryWriter().tag(2, WireType.LengthDelimited).string(typeUrl);
  return framed(request.tag(6, WireType.LengthDelimited).string(nonce).finish());
}

function nonceOf(response: Uint8Array): string {
  const reader = new BinaryReader(response);
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    if (field === 5) return reader.string();
    reader.skip(wireType, field);
  }
  throw new Error('a response without a nonce');
}

function answer(stream: ClientHttp2Stream): void {
  let buffered: Buffer = Buffer.alloc(0);
  stream.on('data', (chunk: Buffer) => {
    buffered = buffered.length === 0 ? chunk : Buffer.concat([buffered, chunk]);
    while (buffered.length >= 5 && buffered.length >= 5 + buffered.readUInt32BE(1)) {
      const end = 5 + buffered.readUInt32BE(1);
      stream.write(acknowledgement(nonceOf(buffered.subarray(5, end))));
      buffered = buffered.subarray(end);
    }
  });
}

async function openProxy(index: number): Promise<ClientHttp2Session> {
  const scheme = transport === 'tls' ? 'https' : 'http';
  const session = connect(`${scheme}://127.0.0.1:${port}`, { rejectUnauthorized: false });
  session.on('error', (error) => {
    console.error(error.message);
    process.exit(1);
  });
  const stream = session.request(
    { ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers' },
    { endStream: false },
  );
  stream.on('error', () => {});
  answer(stream);
  stream.write(firstRequest(`proxy-${index}`));
  await new Promise((resolve) => stream.once('data', resolve));
  return session;
}

// A parent that has gone needs no load.
process.on('disconnect', () => process.exit(0));
for (let index = 0; index < Number(count); index += 50)
  await Promise.all(
    Array.from({ length: Math.min(50, Number(count) - index) }, (_, offset) => openProxy(index + offset)),
  );
process.send?.('ready');
