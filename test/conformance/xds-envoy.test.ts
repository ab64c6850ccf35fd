import { get } from 'node:http';
import { describe, expect, test } from 'vitest';
import type { Resource } from '../../src/xds/resource.ts';
import { extensionType, listenerType, routeType, runtimeType, virtualHostType } from '../../src/xds/resource-types.ts';
import { startApplication } from '../support/application.ts';
import { eventually } from '../support/eventually.ts';
import { goldenResources, jsonOf, objectsIn } from '../support/golden-resources.ts';
import { variants } from '../support/member.ts';
import {
  ads,
  assignment,
  edsCluster,
  type PlainEnvoy,
  ready,
  resource,
  startPlainEnvoy,
} from '../support/plain-envoy.ts';
import { selfSigned } from '../support/self-signed.ts';
import { stoppedAfterEach } from '../support/stopped-after-each.ts';
import { nextAddress } from '../support/test-mesh.ts';
import { type FixtureOptions, startFixture } from './xds-fixture.ts';

/** A real Envoy before the server alone, with snapshots made by hand. */
const running = stoppedAfterEach();

async function serve(resources: readonly Resource[], options: FixtureOptions = {}) {
  const fixture = await startFixture(resources, options);
  running.push(fixture.close);
  return fixture;
}

async function run(options: Parameters<typeof startPlainEnvoy>[0]): Promise<PlainEnvoy> {
  const envoy = await startPlainEnvoy(options);
  running.push(envoy.kill);
  return envoy;
}

const port = 15_001;
function request(address: string, headers: Readonly<Record<string, string>> = {}) {
  return new Promise<{ readonly status: number; readonly body: string; readonly took: number }>((resolve, reject) => {
    const began = performance.now();
    get({ host: address, port, headers, agent: false }, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (text: string) => {
        body += text;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body, took: performance.now() - began }));
    }).on('error', reject);
  });
}

const T = 'type.googleapis.com/';
const router = { name: 'router', typed_config: { '@type': `${T}envoy.extensions.filters.http.router.v3.Router` } };
const onDemand = (config: object = {}) => ({
  name: 'on_demand',
  typed_config: { '@type': `${T}envoy.extensions.filters.http.on_demand.v3.OnDemand`, ...config },
});

/** A listener `front` with these filters before the router; routes by RDS under the name `out`, or as given. */
function front(
  address: string,
  filters: readonly object[],
  routeConfig?: object,
  references: Resource['references'] = [],
) {
  const manager = {
    '@type': `${T}envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager`,
    stat_prefix: 'front',
    ...(routeConfig ? { route_config: routeConfig } : { rds: { route_config_name: 'out', config_source: ads } }),
    http_filters: [...filters, router],
  };
  const socket = { socket_address: { address, port_value: port } };
  const json = {
    name: 'front',
    address: socket,
    filter_chains: [{ filters: [{ name: 'http', typed_config: manager }] }],
  };
  return resource(listenerType, 'front', json, references);
}

const says = (text: string) => ({
  match: { prefix: '/' },
  direct_response: { status: 200, body: { inline_string: text } },
});

async function nothingRefused(envoy: PlainEnvoy): Promise<void> {
  const stats = await envoy.admin.stats('update_rejected|init_fetch_timeout|listener_create_failure');
  expect([...stats].filter(([, count]) => count > 0)).toEqual([]);
}

describe.each(variants)('%s', (variant) => {
  test('X115 a runtime layer that nobody has set is answered, so that Envoy starts; what is set later is taken', async () => {
    const layered_runtime = { layers: [{ name: 'live', rtds_layer: { name: 'live', rtds_config: ads } }] };
    const { server, set } = await serve([]);
    const envoy = await run({ xdsPort: server.port, variant, more: { bootstrap: { layered_runtime } } });
    expect(await ready(envoy)).toBeLessThan(5_000);
    set([resource(runtimeType, 'live', { name: 'live', layer: { 'weft.test': 'on' } })]);
    await eventually('the layer is taken', async () => (await envoy.admin.get('/runtime')).includes('weft.test'));
    set([]);
    await eventually(
      'the layer is empty again',
      async () => !(await envoy.admin.get('/runtime')).includes('weft.test'),
    );
    await nothingRefused(envoy);
  });

  test('X114 a filter by ECDS comes under the name asked for, changes with the next request, and goes after its listener', async () => {
    const address = nextAddress();
    const fault = (status: number) =>
      resource(extensionType, 'fault', {
        name: 'fault',
        typed_config: {
          '@type': `${T}envoy.extensions.filters.http.fault.v3.HTTPFault`,
          abort: { http_status: status, percentage: { numerator: 100 } },
        },
      });
    const type_urls = [`${T}envoy.extensions.filters.http.fault.v3.HTTPFault`];
    const filter = { name: 'fault', config_discovery: { config_source: ads, type_urls } };
    const routes = { virtual_hosts: [{ name: 'all', domains: ['*'], routes: [says('through')] }] };
    const uses = [{ typeUrl: extensionType, name: 'fault' }];
    const { server, set } = await serve([front(address, [filter], routes, uses), fault(418)]);
    const envoy = await run({ xdsPort: server.port, variant });
    await ready(envoy);
    expect((await request(address)).status).toBe(418);
    set([front(address, [filter], routes, uses), fault(429)]);
    await eventually('the new status', async () => (await request(address)).status === 429);
    expect(await envoy.stat('listener_manager.listener_modified')).toBe(0);
    set([front(address, [], routes)]);
    const seen = new Set<number>();
    await eventually('the filter is gone', async () => {
      const { status } = await request(address);
      seen.add(status);
      return status === 200;
    });
    expect([...seen].filter((status) => status >= 500)).toEqual([]);
    await nothingRefused(envoy);
  });

  test('X124 a client that may ask once a second gets there, and is sent no more than it acknowledges', async () => {
    const { server, set, events } = await serve([edsCluster('a'), assignment('a')]);
    const rate_limit_settings = { max_tokens: 3, fill_rate: 1 };
    const envoy = await run({ xdsPort: server.port, variant, more: { ads: { rate_limit_settings } } });
    await ready(envoy);
    for (let count = 1; count <= 100; count += 1)
      set([edsCluster('a'), assignment('a', { address: '127.0.0.1', port: 1_000 + count })]);
    await eventually('the newest', async () => (await envoy.admin.get('/clusters')).includes('127.0.0.1:1100'), 15_000);
    expect(await envoy.stat('control_plane.rate_limit_enforced')).toBeGreaterThan(0);
    expect(events.filter(({ kind }) => kind === 'sent').length).toBeLessThan(20);
    await nothingRefused(envoy);
  });
});

describe('delta', () => {
  const variant = 'delta' as const;

  test('X67 X109 X111 X112 VHDS: start-up in no time, a known host, one that comes later, an unknown one, and an RDS update', async () => {
    const address = nextAddress();
    const config = (marks: Readonly<Record<string, string>> = {}) =>
      resource(routeType, 'out', {
        name: 'out',
        virtual_hosts: [],
        vhds: { config_source: ads },
        response_headers_to_add: Object.entries(marks).map(([key, value]) => ({ header: { key, value } })),
      });
    const host = (name: string) => ({
      ...resource(virtualHostType, `out/${name}`, { name, domains: [name, `${name}:${port}`], routes: [says(name)] }),
      aliases: [`out/${name}`, `out/${name}:${port}`],
    });
    const listening = front(address, [onDemand()]);
    const { server, set, events } = await serve([listening, config(), host('known')]);
    const envoy = await run({ xdsPort: server.port, variant });
    // Without a placeholder it would wait for 15 s (E28).
    expect(await ready(envoy)).toBeLessThan(5_000);
    expect(await request(address, { host: 'known' })).toMatchObject({ status: 200, body: 'known' });
    const unknown = await request(address, { host: 'later' });
    expect(unknown.status).toBe(404);
    expect(unknown.took).toBeLessThan(2_000);
    set([listening, config(), host('known'), host('later')]);
    await eventually(
      'the host that came later',
      async () => (await request(address, { host: 'later' })).status === 200,
    );
    const hostsSent = () => events.filter((event) => event.kind === 'sent' && event.typeUrl === virtualHostType).length;
    const before = hostsSent();
    set([listening, config({ mark: '2' }), host('known'), host('later')]);
    await eventually('the RDS update', async () => (await envoy.stat('http.front.rds.out.update_success')) >= 2);
    expect(await request(address, { host: 'known' })).toMatchObject({ status: 200, body: 'known' });
    expect(await request(address, { host: 'later' })).toMatchObject({ status: 200, body: 'later' });
    expect(hostsSent()).toBe(before);
    await nothingRefused(envoy);
  });

  test('X113 on-demand CDS: a cluster that exists is fetched by the first request; one that does not is told at once', async () => {
    const address = nextAddress();
    const app = await startApplication({ address: '127.0.0.1', port: 0 }, 'here');
    running.push(app.close);
    const routes = {
      virtual_hosts: [
        { name: 'all', domains: ['*'], routes: [{ match: { prefix: '/' }, route: { cluster_header: 'x-to' } }] },
      ],
    };
    const filter = onDemand({ odcds: { source: ads, timeout: '5s' } });
    const { server, set } = await serve([
      front(address, [filter], routes),
      edsCluster('wanted'),
      assignment('wanted', { address: '127.0.0.1', port: app.port }),
      edsCluster('unwanted'),
    ]);
    const envoy = await run({ xdsPort: server.port, variant, withoutClusters: true });
    await ready(envoy);
    expect(await request(address, { 'x-to': 'wanted' })).toMatchObject({ status: 200, body: 'here\n' });
    const unknown = await request(address, { 'x-to': 'no-such' });
    expect(unknown.status).toBe(503);
    expect(unknown.took).toBeLessThan(2_000);
    const clusters = await envoy.admin.get('/clusters');
    expect([clusters.includes('wanted::'), clusters.includes('unwanted::')]).toEqual([true, false]);
    const subscribed = () => server.status().flatMap(({ types }) => types.flatMap((type) => type.subscribed));
    expect(subscribed()).toContain('no-such');
    set([
      front(address, [filter], routes),
      edsCluster('no-such'),
      assignment('no-such', { address: '127.0.0.1', port: app.port }),
    ]);
    await eventually('it exists now', async () => (await request(address, { 'x-to': 'no-such' })).status === 200);
    await nothingRefused(envoy);
  });

  test('X103 whatever extension translation uses is one that the node lists', async () => {
    const { server, events } = await serve([]);
    await run({ xdsPort: server.port, variant });
    const opened = await eventually('the stream opens', () => events.find(({ kind }) => kind === 'opened'));
    if (opened.kind !== 'opened') throw new Error('not opened');
    const offered = new Set(opened.node.extensions.flatMap(({ typeUrls }) => typeUrls));
    expect(offered.size).toBeGreaterThan(100);
    const { certificate, key } = selfSigned('extensions');
    const all = goldenResources({ certificateChain: certificate, privateKey: key, bundle: [certificate] });
    const used = new Set(
      [...all.values()].flat().flatMap((each) => [...objectsIn(jsonOf(each))].map(([, value]) => value['@type'])),
    );
    used.delete(undefined);
    // What a matcher of RBAC decides is a message that the node does not list; its goldens show that Envoy takes it.
    used.delete(`${T}envoy.config.rbac.v3.Action`);
    expect(used.size).toBeGreaterThan(8);
    expect([...used].map((type) => String(type).slice(T.length)).filter((type) => !offered.has(type))).toEqual([]);
  });
});
