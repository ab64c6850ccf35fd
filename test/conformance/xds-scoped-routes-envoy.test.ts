import { get } from 'node:http';
import { describe, expect, test } from 'vitest';
import type { Resource } from '../../src/xds/resource.ts';
import { listenerType, routeType, scopedRouteType } from '../../src/xds/resource-types.ts';
import { eventually } from '../support/eventually.ts';
import { variants } from '../support/member.ts';
import { ads, type PlainEnvoy, ready, resource, startPlainEnvoy } from '../support/plain-envoy.ts';
import { stoppedAfterEach } from '../support/stopped-after-each.ts';
import { nextAddress } from '../support/test-mesh.ts';
import { startFixture } from './xds-fixture.ts';

/** SRDS before a real Envoy: a listener that picks its routes by a header. */
const running = stoppedAfterEach();

const port = 15_001;
const T = 'type.googleapis.com/envoy.extensions.filters';

function front(address: string): Resource {
  const manager = {
    '@type': `${T}.network.http_connection_manager.v3.HttpConnectionManager`,
    stat_prefix: 'front',
    scoped_routes: {
      name: 'tenants',
      scope_key_builder: { fragments: [{ header_value_extractor: { name: 'x-tenant', index: 0 } }] },
      rds_config_source: ads,
      scoped_rds: { scoped_rds_config_source: ads },
    },
    http_filters: [{ name: 'router', typed_config: { '@type': `${T}.http.router.v3.Router` } }],
  };
  return resource(listenerType, 'front', {
    name: 'front',
    address: { socket_address: { address, port_value: port } },
    filter_chains: [{ filters: [{ name: 'http', typed_config: manager }] }],
  });
}

/** A route configuration that answers by itself. */
function routes(name: string, says: string): Resource {
  const direct_response = { status: 200, body: { inline_string: says } };
  const host = { name: 'all', domains: ['*'], routes: [{ match: { prefix: '/' }, direct_response }] };
  return resource(routeType, name, { name, virtual_hosts: [host] });
}

/** Requests with this tenant take these routes. */
function scope(name: string, to: string, tenant = name): Resource {
  const json = { name, route_configuration_name: to, key: { fragments: [{ string_key: tenant }] } };
  return resource(scopedRouteType, name, json, [{ typeUrl: routeType, name: to }]);
}

function ask(address: string, tenant: string): Promise<string> {
  return new Promise((resolve, reject) => {
    get({ host: address, port, headers: { 'x-tenant': tenant }, agent: false }, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (text: string) => {
        body += text;
      });
      response.on('end', () => resolve(response.statusCode === 200 ? body : String(response.statusCode)));
    }).on('error', reject);
  });
}

describe.each(variants)('%s', (variant) => {
  test('X1 X44 X73 SRDS: routes by a header; scopes come, lead elsewhere and go; a bad one stays out, and alone', async () => {
    const address = nextAddress();
    const fixture = await startFixture(undefined, { open: () => ({ ok: 'snapshots' }), quiet: { quiet: 0 } });
    running.push(fixture.close);
    const { server, events } = fixture;
    const all = [routes('r', 'red 1'), routes('b', 'blue 1'), routes('other', 'other 1')];
    const set = (scopes: readonly Resource[], configurations = all) =>
      server.set([front(address), ...configurations, ...scopes]);
    set([scope('red', 'r'), scope('blue', 'b')]);
    const envoy: PlainEnvoy = await startPlainEnvoy({ xdsPort: server.port, variant });
    running.push(envoy.kill);
    await ready(envoy);
    const tenants = ['red', 'blue', 'green'];
    const answers = () => Promise.all(tenants.map((tenant) => ask(address, tenant)));
    const become = (...expected: readonly string[]) =>
      eventually(expected.join(', '), async () => (await answers()).join() === expected.join(), 10_000, 20);
    /** Twenty requests of each tenant, all answered alike, and nothing more comes. */
    const stay = async (...expected: readonly string[]) => {
      for (let count = 0; count < 20; count += 1) expect(await answers()).toEqual(expected);
    };
    const settled = () =>
      eventually('all is answered', async () =>
        server.status().every(({ types }) => types.every(({ inFlightSince, owed }) => !inFlightSince && owed === 0)),
      );
    const scopesSent = () =>
      events.flatMap((event) => (event.kind === 'sent' && event.typeUrl === scopedRouteType ? [event] : []));
    const rejected = async () => {
      const stats = await envoy.admin.stats('scoped_rds.*update_rejected');
      return [...stats.values()].reduce((sum, count) => sum + count, 0);
    };
    await become('red 1', 'blue 1', '404');

    // The routes of a scope change, and no scope is sent again.
    const before = scopesSent().length;
    set([scope('red', 'r'), scope('blue', 'b')], [routes('r', 'red 2'), ...all.slice(1)]);
    await become('red 2', 'blue 1', '404');
    expect(scopesSent().length).toBe(before);

    // A scope leads elsewhere, and another is new.
    set([scope('red', 'other'), scope('blue', 'b'), scope('green', 'r')]);
    await become('other 1', 'blue 1', 'red 1');

    // Of two that are new one is bad: it has the key of another. Envoy refuses both at once; the other goes through, and what was stays.
    const bad = [scope('red', 'other'), scope('blue', 'b'), scope('green', 'b', 'green'), scope('twin', 'r', 'red')];
    set(bad);
    await become('other 1', 'blue 1', 'blue 1');
    await settled();
    expect(server.quarantine()).toMatchObject([{ name: 'twin', typeUrl: scopedRouteType, refusals: 1 }]);
    expect(server.quarantine()[0]?.message).toContain('scope key conflict');
    const refusals = await rejected();
    expect(refusals).toBeGreaterThan(0);
    const sent = scopesSent().length;
    await stay('other 1', 'blue 1', 'blue 1');
    // What else changes goes on; the bad one is not offered again.
    set(bad.with(1, scope('blue', 'other')));
    await become('other 1', 'other 1', 'blue 1');
    await settled();
    expect(
      scopesSent()
        .slice(sent)
        .every(({ resources }) => resources.every(({ name }) => name !== 'twin')),
    ).toBe(true);

    // It is mended, and takes the key of one that goes in the same step; another goes.
    set([scope('red', 'other'), scope('twin', 'b', 'green')]);
    await become('other 1', '404', 'blue 1');
    await settled();
    await stay('other 1', '404', 'blue 1');
    expect([server.quarantine(), await rejected()]).toEqual([[], refusals]);
    set([]);
    await become('404', '404', '404');
    await settled();
    expect(await envoy.stat('listener_manager.listener_modified')).toBe(0);
  }, 60_000);
});
