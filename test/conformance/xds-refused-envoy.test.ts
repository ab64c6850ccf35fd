import { get } from 'node:http';
import { describe, expect, test } from 'vitest';
import { createResource, type Resource } from '../../src/xds/resource.ts';
import { listenerType, routeType, virtualHostType } from '../../src/xds/resource-types.ts';
import { eventually } from '../support/eventually.ts';
import { ads, edsCluster, type PlainEnvoy, ready, resource, startPlainEnvoy } from '../support/plain-envoy.ts';
import { stoppedAfterEach } from '../support/stopped-after-each.ts';
import { nextAddress } from '../support/test-mesh.ts';
import { endpoints, type FixtureOptions, startFixture } from './xds-fixture.ts';

/** Content that a real Envoy refuses, where others wait for an answer. */
const running = stoppedAfterEach();

/** All see one set of resources, so that they are equal clients. */
async function serve(resources: readonly Resource[]) {
  const options: FixtureOptions & object = { open: () => ({ ok: 'snapshots' as const }) };
  const fixture = await startFixture(undefined, options);
  running.push(fixture.close);
  fixture.server.set(resources);
  return fixture;
}

async function run(xdsPort: number, id: string, variant: 'delta' | 'sotw'): Promise<PlainEnvoy> {
  const envoy = await startPlainEnvoy({ xdsPort, variant, more: { bootstrap: { node: { id, cluster: 'plain' } } } });
  running.push(envoy.kill);
  return envoy;
}

const port = 15_001;
const T = 'type.googleapis.com/envoy.extensions.filters';

function listening(address: string): Resource {
  const manager = {
    '@type': `${T}.network.http_connection_manager.v3.HttpConnectionManager`,
    stat_prefix: 'front',
    rds: { route_config_name: 'out', config_source: ads },
    http_filters: [
      { name: 'on_demand', typed_config: { '@type': `${T}.http.on_demand.v3.OnDemand` } },
      { name: 'router', typed_config: { '@type': `${T}.http.router.v3.Router` } },
    ],
  };
  return resource(listenerType, address, {
    name: address,
    address: { socket_address: { address, port_value: port } },
    filter_chains: [{ filters: [{ name: 'http', typed_config: manager }] }],
  });
}

const config = resource(routeType, 'out', { name: 'out', virtual_hosts: [], vhds: { config_source: ads } });

/** A virtual host that answers by itself; `bad` is an expression that Envoy does not take. */
function host(name: string, says: string): Resource {
  const answer = { status: 200, body: { inline_string: says } };
  const match = says === 'bad' ? { safe_regex: { regex: 'a(' } } : { prefix: '/' };
  const routes = [{ match, direct_response: answer }];
  const domains = [name, `${name}:${port}`];
  const made = resource(virtualHostType, `out/${name}`, { name, domains, routes });
  return createResource({ ...made, aliases: [`out/${name}:${port}`] });
}

/** Status and body of one call. */
function call(address: string, name: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const headers = { host: `${name}:${port}` };
    get({ host: address, port, headers, agent: false, timeout: 5_000 }, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (text: string) => {
        body += text;
      });
      response.on('end', () => resolve(`${response.statusCode} ${body}`.trim()));
    })
      .on('timeout', function (this: { destroy(error: Error): void }) {
        this.destroy(new Error(`${name} is not answered`));
      })
      .on('error', reject);
  });
}

describe('what a real Envoy refuses', () => {
  test('X44 X83 E16 of three virtual hosts asked for by alias one is refused: the others change, and it stays as it was', async () => {
    const address = nextAddress();
    const all = (says: Readonly<Record<string, string>>) => [
      listening(address),
      config,
      ...Object.entries(says).map(([name, text]) => host(name, text)),
    ];
    const { server } = await serve(all({ a: 'one', b: 'one', c: 'one' }));
    await ready(await run(server.port, 'first', 'delta'));
    for (const name of ['a', 'b', 'c']) expect(await call(address, name)).toBe('200 one');
    server.set(all({ a: 'two', b: 'bad', c: 'two' }));
    for (const name of ['a', 'c'])
      await eventually(`${name} has changed`, async () => (await call(address, name)) === '200 two');
    expect(await call(address, 'b')).toBe('200 one');
    await eventually(
      'b is withheld',
      () =>
        server
          .quarantine()
          .map(({ name }) => name)
          .join() === 'out/b',
    );
    server.set(all({ a: 'two', b: 'three', c: 'two' }));
    await eventually('b has changed', async () => (await call(address, 'b')) === '200 three');
  });

  test('X111 M4 a virtual host that is refused from the start is one that does not exist: no request waits, there or on an equal Envoy', async () => {
    const one = nextAddress();
    const all = (says: string) => [listening(one), config, host('a', 'one'), host('b', says)];
    const { server } = await serve(all('bad'));
    const first = await run(server.port, 'first', 'delta');
    await ready(first);
    expect(await call(one, 'b')).toBe('404');
    expect(server.quarantine().map(({ name }) => name)).toEqual(['out/b']);
    expect(await call(one, 'b')).toBe('404');
    await first.kill();
    await ready(await run(server.port, 'second', 'delta'));
    expect(await call(one, 'b')).toBe('404');
    expect(server.quarantine()).toMatchObject([{ name: 'out/b', refusals: 1 }]);
    expect(await call(one, 'a')).toBe('200 one');
    server.set(all('two'));
    await eventually('b is there', async () => (await call(one, 'b')) === '200 two');
  });

  test.each(['delta', 'sotw'] as const)(
    'X90 M4 endpoints that an equal Envoy refused from the start keep no %s Envoy from being ready',
    async (variant) => {
      const bad = createResource({
        ...endpoints('a'),
        value: resource(endpoints('a').typeUrl, 'a', {
          cluster_name: 'a',
          endpoints: [
            { lb_endpoints: [{ endpoint: { address: { socket_address: { address: 'no.address', port_value: 1 } } } }] },
          ],
        }).value,
      });
      const { server } = await serve([edsCluster('a'), bad]);
      await ready(await run(server.port, 'first', variant));
      await eventually(
        'a is withheld',
        () =>
          server
            .quarantine()
            .map(({ name }) => name)
            .join() === 'a',
      );
      expect(await ready(await run(server.port, 'second', variant))).toBeLessThan(10_000);
      expect(server.quarantine()).toMatchObject([{ name: 'a', refusals: 1 }]);
    },
  );
});
