import { inspect } from 'node:util';
import { afterEach, expect, test } from 'vitest';
import { clusterType, createResource, createXdsServer, endpointType, type Node } from '../../src/xds/library.ts';
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

test('of a node a status has what names it and its software, and not the list of its extensions', async () => {
  const opened: Node[] = [];
  const server = await createXdsServer({
    address: '127.0.0.1',
    port: 0,
    credentials: 'plaintext',
    observe: (event) => event.kind === 'opened' && opened.push(event.node),
  });
  server.set([]);
  const client = connectRawClient(server.port);
  closing.push(client.close, server.close);
  const said = {
    id: 'n',
    cluster: 'c',
    locality: { region: 'r', zone: 'z', subZone: '' },
    metadata: { weft: { service: 's' } },
    userAgentName: 'envoy',
    userAgentVersionType: {
      case: 'userAgentBuildVersion' as const,
      value: { version: { majorNumber: 1, minorNumber: 40, patch: 0 }, metadata: { 'build.type': 'RELEASE' } },
    },
    clientFeatures: ['envoy.lrs.supports_send_all_clusters'],
  };
  const extensions = Array.from({ length: 500 }, (_, index) => ({
    name: `envoy.extension.${index}`,
    category: 'envoy.filters.http',
    typeUrls: [`envoy.extensions.filters.http.of_number_${index}.v3.Config`],
  }));
  const stream = client.sotw();
  stream.send({ node: { ...said, extensions }, typeUrl: clusterType });
  await stream.next();

  const status = server.status();
  expect(status[0]?.node).toMatchObject(said);
  for (const printed of [JSON.stringify(status), inspect(status, { depth: 10 })]) {
    expect(printed).not.toContain('extension');
    expect(printed.length).toBeLessThan(3_000);
  }
  expect(opened[0]?.extensions).toHaveLength(500);
  let seen = '';
  server.closeStreams(
    ({ node }) => {
      seen = JSON.stringify(node);
      return node.metadata !== undefined;
    },
    14,
    'come again',
  );
  expect(seen).not.toContain('extension');
  expect((await stream.closed).details).toBe('come again');
});
