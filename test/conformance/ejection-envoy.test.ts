import { createServer, type Server } from 'node:http';
import { afterAll, expect, test } from 'vitest';
import { mayEject } from '../../src/model/ejection-limit.ts';
import { fetchOnce } from '../support/load.ts';
import { type StaticEnvoy, startStaticEnvoy } from '../support/static-envoy.ts';

/* Whom outlier detection may hold out of few endpoints (D7): mayEject, on which WEFT0132 rests, says what a real Envoy does. */

const sizes = [2, 3, 5, 9, 10];
const percents = [undefined, 20, 34, 50, 100];
const cases = sizes.flatMap((size) => percents.map((percent) => ({ size, percent })));
const servers: Server[] = [];
let envoy: StaticEnvoy | undefined;
afterAll(async () => {
  await envoy?.stop();
  for (const server of servers) server.closeAllConnections();
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
});

async function serve(status: number): Promise<number> {
  const server = createServer((_request, response) => response.writeHead(status).end());
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

const nameOf = ({ size, percent }: (typeof cases)[number]) => `c${size}_${percent ?? 'unwritten'}`;

function clusterOf(one: (typeof cases)[number], ports: readonly number[]) {
  const endpoints = ports.slice(0, one.size).map((port_value) => ({
    endpoint: { address: { socket_address: { address: '127.0.0.1', port_value } } },
  }));
  return {
    name: nameOf(one),
    type: 'STATIC',
    lb_policy: 'ROUND_ROBIN',
    common_lb_config: { healthy_panic_threshold: { value: 0 } },
    outlier_detection: {
      consecutive_5xx: 2,
      base_ejection_time: '600s',
      enforcing_success_rate: 0,
      ...(one.percent === undefined ? {} : { max_ejection_percent: one.percent }),
    },
    load_assignment: { cluster_name: nameOf(one), endpoints: [{ lb_endpoints: endpoints }] },
  };
}

const type = (name: string) => `type.googleapis.com/envoy.extensions.filters.${name}`;
const router = { '@type': type('http.router.v3.Router') };
const manager = {
  '@type': type('network.http_connection_manager.v3.HttpConnectionManager'),
  stat_prefix: 'calls',
  http_filters: [{ name: 'router', typed_config: router }],
  route_config: {
    virtual_hosts: [
      {
        name: 'all',
        domains: ['*'],
        routes: cases.map((one) => ({ match: { path: `/${nameOf(one)}` }, route: { cluster: nameOf(one) } })),
      },
    ],
  },
};

test('a share that is less than one endpoint holds out nobody, of whatever it is of', { timeout: 90_000 }, async () => {
  const ports = [await serve(500), ...(await Promise.all(Array.from({ length: 9 }, () => serve(200))))];
  const listener = {
    name: 'calls',
    address: { socket_address: { address: '127.0.0.1', port_value: 0 } },
    filter_chains: [{ filters: [{ name: 'http', typed_config: manager }] }],
  };
  envoy = await startStaticEnvoy('ejection', {
    listeners: [listener],
    clusters: cases.map((one) => clusterOf(one, ports)),
  });
  const [port = 0] = envoy.ports;
  for (const one of cases) {
    const call = async () => (await fetchOnce({ host: '127.0.0.1', port, path: `/${nameOf(one)}` })).status;
    // In turn: each endpoint has failed, or not, three times.
    for (let index = 0; index < 3 * one.size; index += 1) await call();
    const statuses: number[] = [];
    for (let index = 0; index < 2 * one.size; index += 1) statuses.push(await call());
    expect([nameOf(one), statuses.includes(500)]).toEqual([nameOf(one), !mayEject(one.size, one.percent ?? 10)]);
  }
});
