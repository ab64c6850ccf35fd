import { expect, test } from 'vitest';
import { deltaResponse, endpointType, subscribeRequest, withNode } from '../../bench/support/discovery-bytes.ts';
import { createFrameReader } from '../../bench/support/frame-reader.ts';
import { dataFrames, frame, frameType, largestFrame } from '../../bench/support/http2-frames.ts';
import { createMessageScanner, requestFields, responseFields } from '../../bench/support/message-scanner.ts';
import { decode } from '../../src/proto/codec.ts';
import { DeltaDiscoveryRequestSchema } from '../../src/proto/gen/envoy/service/discovery/v3/discovery_pb.ts';

const resources = Array.from({ length: 3 }, (_, index) => ({
  typeUrl: endpointType,
  name: `service-${index}`,
  version: `version-${index}`,
  value: new Uint8Array(index * 300),
}));

/** What is found in two equal messages with a PING between them, read in pieces of a given size. */
function scanInPieces(size: number) {
  const found: { readonly nonce: string; readonly typeUrl: string; readonly named: readonly string[] }[] = [];
  const scan = createMessageScanner(responseFields, { noteVersions: true }, (message) => {
    const nonce = message.nonce.toString('latin1', 0, message.nonceLength);
    found.push({ nonce, typeUrl: message.typeUrl, named: message.named });
  });
  const controls: number[] = [];
  const read = createFrameReader({ data: scan, control: (type) => controls.push(type) });
  const message = dataFrames(deltaResponse(endpointType, 'abc.7', resources));
  const bytes = Buffer.concat([message, frame(frameType.ping, 0, 0, Buffer.alloc(8)), message]);
  for (let at = 0; at < bytes.length; at += size) {
    const piece = bytes.subarray(at, at + size);
    read(piece, piece.length);
  }
  return { found, controls };
}

test('the load client finds type, nonce, names and versions, wherever reads are cut', () => {
  const named = resources.flatMap(({ name, version }) => [name, version]);
  for (const size of [1, 2, 3, 7, 64, 1_000, 100_000]) {
    const { found, controls } = scanInPieces(size);
    expect(controls).toEqual([frameType.ping]);
    expect(found).toEqual(Array.from({ length: 2 }, () => ({ nonce: 'abc.7', typeUrl: endpointType, named })));
  }
});

test('a message of many frames is one message, and the rest of a request is passed over once its type is known', () => {
  const names = Array.from({ length: 2_000 }, (_, index) => `service-${index}.default.example.internal`);
  const request = withNode(subscribeRequest(endpointType, names, new Map([['held', '1']])), 'proxy-1');
  const types: string[] = [];
  const scan = createMessageScanner(requestFields, { typeOnly: true }, ({ typeUrl }) => types.push(typeUrl));
  const bytes = dataFrames(request.subarray(5));
  expect(bytes.length).toBeGreaterThan(2 * largestFrame);
  createFrameReader({ data: scan, control: () => undefined })(bytes, bytes.length);
  expect(types).toEqual([endpointType]);
  const { node, typeUrl, resourceNamesSubscribe, initialResourceVersions } = decode(
    DeltaDiscoveryRequestSchema,
    request.subarray(5),
  );
  expect([node?.id, typeUrl, initialResourceVersions]).toEqual(['proxy-1', endpointType, { held: '1' }]);
  expect(resourceNamesSubscribe).toEqual(names);
});
