import { describe, expect, test } from 'vitest';
import { clusterType, listenerType, secretType } from '../../src/xds/resource-types.ts';
import { eventually } from '../support/eventually.ts';
import { fetchOnce, startLoad } from '../support/load.ts';
import { variants } from '../support/member.ts';
import { ads, ready, resource, startPlainEnvoy } from '../support/plain-envoy.ts';
import { stoppedAfterEach } from '../support/stopped-after-each.ts';
import { nextAddress } from '../support/test-mesh.ts';
import { promise } from '../support/xds-callers.ts';
import { startFixture } from './xds-fixture.ts';
import { createRoot } from './xds-roots.ts';

/** One Envoy that calls itself over mTLS. */
const running = stoppedAfterEach();

const T = 'type.googleapis.com/envoy.extensions';
const [plainPort, securePort] = [15_001, 15_006];

/** Its own certificate and the roots it believes come by SDS, on both sides of a connection. */
const common_tls_context = {
  tls_certificate_sds_secret_configs: [{ name: 'identity', sds_config: ads }],
  validation_context_sds_secret_config: { name: 'bundle', sds_config: ads },
};
const uses = ['identity', 'bundle'].map((name) => ({ typeUrl: secretType, name }));

/** Every call makes a connection of its own, with a whole handshake: certificates are looked at each time. */
function caller(address: string) {
  const endpoint = { endpoint: { address: { socket_address: { address, port_value: securePort } } } };
  const tls = { '@type': `${T}.transport_sockets.tls.v3.UpstreamTlsContext`, max_session_keys: 0, common_tls_context };
  const json = {
    name: 'itself',
    type: 'STATIC',
    connect_timeout: '5s',
    load_assignment: { cluster_name: 'itself', endpoints: [{ lb_endpoints: [endpoint] }] },
    transport_socket: { name: 'tls', typed_config: tls },
    typed_extension_protocol_options: {
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
        '@type': `${T}.upstreams.http.v3.HttpProtocolOptions`,
        explicit_http_config: { http_protocol_options: {} },
        common_http_protocol_options: { max_requests_per_connection: 1 },
      },
    },
  };
  return resource(clusterType, 'itself', json, uses);
}

function listener(name: string, address: string, port_value: number, route: object, tls?: object) {
  const manager = {
    '@type': `${T}.filters.network.http_connection_manager.v3.HttpConnectionManager`,
    stat_prefix: name,
    route_config: {
      virtual_hosts: [{ name: 'all', domains: ['*'], routes: [{ match: { prefix: '/' }, ...route }] }],
    },
    http_filters: [{ name: 'router', typed_config: { '@type': `${T}.filters.http.router.v3.Router` } }],
  };
  const chain = {
    filters: [{ name: 'http', typed_config: manager }],
    ...(tls && { transport_socket: { name: 'tls', typed_config: tls } }),
  };
  return resource(listenerType, name, {
    name,
    address: { socket_address: { address, port_value } },
    filter_chains: [chain],
  });
}

/** In the clear from the test, over mTLS to itself, and an answer that names the request. */
function configuration(address: string) {
  const tls = {
    '@type': `${T}.transport_sockets.tls.v3.DownstreamTlsContext`,
    require_client_certificate: true,
    common_tls_context,
  };
  const answer = {
    direct_response: { status: 200, body: { inline_string: 'secured' } },
    response_headers_to_add: [{ header: { key: 'x-sequence', value: '%REQ(x-sequence)%' } }],
  };
  return [
    caller(address),
    listener('plain', address, plainPort, { route: { cluster: 'itself' } }),
    listener('secured', address, securePort, answer, tls),
  ];
}

describe.each(variants)('%s', (variant) => {
  test('X118 an Envoy lives through a change of the root under load: 0 failed, 0 TLS errors; in one step it does not', {
    timeout: 60_000,
  }, async () => {
    const [old, fresh] = await Promise.all([createRoot(), createRoot()]);
    running.push(() => {
      for (const root of [old, fresh]) root.dispose();
    });
    const address = nextAddress();
    const others = configuration(address);
    let now = old.secrets(old);
    const fixture = await startFixture([...others, ...now]);
    running.push(fixture.close);
    const envoy = await startPlainEnvoy({ xdsPort: fixture.server.port, variant });
    running.push(envoy.kill);
    await ready(envoy);
    const target = { host: address, port: plainPort };
    await eventually('a call gets through', async () => (await fetchOnce(target)).status === 200);

    /** Every proxy has acknowledged what there is now. */
    const confirmed = () => {
      const types = fixture.server.status().flatMap((stream) => stream.types);
      const secrets = types.find(({ typeUrl }) => typeUrl === secretType);
      const held = new Set(secrets?.held.map(({ version }) => version));
      return secrets?.inFlightSince === undefined && now.every(({ version }) => held.has(version));
    };
    const change = async (secrets: typeof now) => {
      now = secrets;
      fixture.set([...others, ...now]);
      await eventually('the secrets are confirmed', confirmed);
      await load.more(50);
    };
    const errors = async () => {
      const stats = await envoy.admin.stats('ssl\\.(connection_error|fail_|.*error)|update_rejected');
      return [...stats].filter(([, value]) => value > 0).map(([name, value]) => `${name} ${value}`);
    };
    const before = await errors();
    const load = startLoad(target, 100);
    await load.more(50);
    await change(old.believing(old, fresh));
    await change(fresh.secrets(old, fresh));
    await change(fresh.believing(fresh));
    const { sent, succeeded, failures } = await load.stop();
    promise('X118', `${variant}: root changed in three steps, ${sent} sent, ${sent - succeeded} failed`);
    expect(failures).toEqual({});
    expect(await errors()).toEqual(before);
    expect(await envoy.stat('listener_manager.listener_modified')).toBe(0);
    expect(await envoy.stat('cluster_manager.cluster_modified')).toBe(0);
    // As many handshakes as calls, so that a wrong one would have been seen, as it is now.
    expect(await envoy.stat('cluster.itself.ssl.handshake')).toBeGreaterThanOrEqual(sent);
    now = old.secrets(fresh);
    fixture.set([...others, ...now]);
    await eventually('a leaf of a root that is not believed', async () => (await fetchOnce(target)).status === 503);
    expect((await errors()).join()).toContain('fail_verify_error');
  });
});
