import { inspect } from 'node:util';
import { afterEach, expect, test } from 'vitest';
import { clusterType, createResource, createXdsServer, endpointType } from '../../src/xds/library.ts';
import { connectRawClient } from '../support/raw-xds-client.ts';

const closing: (() => unknown)[] = [];
afterEach(() => Promise.all(closing.splice(0).map((close) => close())));

test('what a status prints is short, whatever the client asked for; lists come when they are asked for', async () => {
  const names = Array.from({ length: 2_000 }, (_, index) => `service-${index}`);
  const made = (typeUrl: string, name: string) =>
    createResource({ typeUrl, name, value: Buffer.from(`${name} ${'x'.repeat(100)}`) });
  const server = await createXdsServer({ address: '127.0.0.1', port: 0, credentials: 'plaintext' });
  server.set(names.flatMap((name) => [made(clusterType, name), made(endpointType, name)]));
  const client = connectRawClient(server.port);
  closing.push(client.close, server.close);
  const stream = client.delta();
  stream.send({ node: { id: 'n' }, typeUrl: clusterType });
  const clusters = await stream.next();
  stream.send({ typeUrl: clusterType, responseNonce: clusters.nonce });
  stream.send({ typeUrl: endpointType, resourceNamesSubscribe: [...names, 'none'] });
  const endpoints = await stream.next();
  stream.send({ typeUrl: endpointType, responseNonce: endpoints.nonce });
  await expect.poll(() => server.status()[0]?.types[1]?.ackedVersion).not.toBe('');

  const status = server.status();
  for (const printed of [JSON.stringify(status), inspect(status, { depth: 10 })]) {
    expect(printed).not.toContain('service-');
    expect(printed.length).toBeLessThan(3_000);
  }
  const [ofClusters, ofEndpoints] = status[0]?.types ?? [];
  expect(ofClusters).toMatchObject({ wildcard: true, namesSubscribed: 0, namesDiffering: 0, owed: 0 });
  expect(ofEndpoints).toMatchObject({ wildcard: false, namesSubscribed: 2_001, owed: 0 });
  expect(ofEndpoints?.subscribed).toHaveLength(2_001);
  expect(ofEndpoints?.held).toHaveLength(2_000);
  expect(ofClusters?.held[7]).toEqual({ name: 'service-7', version: ofClusters?.versionOf('service-7') });
  expect(ofEndpoints?.versionOf('none')).toBeUndefined();
  expect(ofEndpoints?.differing).toEqual([]);
  expect(ofEndpoints?.seen).toHaveLength(1);
});
