import { credentials } from '@grpc/grpc-js';
import { expect } from 'vitest';
import { createResource, type Resource } from '../../src/xds/resource.ts';
import { clusterType, endpointType, routeType } from '../../src/xds/resource-types.ts';
import { connectRawClient, sotwName } from '../support/raw-xds-client.ts';
import { conformAlone } from './conform.ts';
import { cluster, endpoints, node, route } from './xds-fixture.ts';

/** What grpc clients receive at most unless they are told otherwise. */
const grpcDefault = 4 * 1024 * 1024;

function padded(resource: Resource, bytes: number): Resource {
  // Field 15 is unknown to none of the types; a client skips what it does not know.
  const padding = Buffer.alloc(bytes, 1);
  const header = Buffer.from([0xfa, 0x7f, (bytes & 0x7f) | 0x80, ((bytes >> 7) & 0x7f) | 0x80, bytes >> 14]);
  return createResource({ ...resource, value: Buffer.concat([resource.value, header, padding]) });
}

conformAlone(
  'X19 5,000 routes, and assignments of 10 MB, reach a client that takes 4 MiB at once',
  async ({ start }) => {
    const names = Array.from({ length: 5_000 }, (_, index) => `r${index}`);
    const content = names.flatMap((name) => [padded(endpoints(name), 2_000), padded(route(name), 200)]);
    const { server } = await start(content);
    const client = connectRawClient(server.port, credentials.createInsecure(), grpcDefault);
    for (const typeUrl of [endpointType, routeType]) {
      const seen = new Set<string>();
      const stream = client.delta();
      stream.send({ node, typeUrl, resourceNamesSubscribe: names });
      let responses = 0;
      while (seen.size < names.length) {
        const { nonce, resources } = await stream.next(20_000);
        for (const { name } of resources) seen.add(name);
        responses += 1;
        stream.send({ typeUrl, responseNonce: nonce });
      }
      expect(responses).toBeGreaterThan(1);
      await stream.silence();
    }
    const sotw = client.sotw();
    const seen = new Set<string>();
    sotw.send({ node, typeUrl: endpointType, resourceNames: names });
    while (seen.size < names.length) {
      const { nonce, versionInfo, resources } = await sotw.next(20_000);
      for (const any of resources) seen.add(sotwName(any));
      sotw.send({ typeUrl: endpointType, responseNonce: nonce, versionInfo, resourceNames: names });
    }
    client.close();
  },
);

conformAlone(
  'X19 X51 a SotW set of CDS and the first delta CDS are never split; later changes are',
  async ({ start }) => {
    const names = Array.from({ length: 3_000 }, (_, index) => `c${index}`);
    const { client, set } = await start(names.map((name) => padded(cluster(name), 2_000)));
    const sotw = client.sotw();
    sotw.send({ node, typeUrl: clusterType });
    expect((await sotw.next(20_000)).resources).toHaveLength(3_000);
    const delta = client.delta();
    delta.send({ node, typeUrl: clusterType });
    const first = await delta.next(20_000);
    expect(first.resources).toHaveLength(3_000);
    delta.send({ typeUrl: clusterType, responseNonce: first.nonce });
    await delta.silence();
    set(names.map((name) => padded(cluster(name, 2), 2_000)));
    const parts: number[] = [];
    while (parts.reduce((sum, part) => sum + part, 0) < 3_000) {
      const { nonce, resources } = await delta.next(20_000);
      parts.push(resources.length);
      delta.send({ typeUrl: clusterType, responseNonce: nonce });
    }
    expect(parts.length).toBeGreaterThan(1);
  },
);
