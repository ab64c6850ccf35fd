// An xDS server written by hand: one service, for an Envoy in front of it and for gRPC clients without any proxy.
// usage: node server.mjs <port of xDS> <Envoy's address:port> <file with the endpoints>
import { readFileSync } from 'node:fs';
import { createXdsServer, resourceOf } from 'weft/xds';

const [port, ingress, endpointsFile] = process.argv.slice(2);
const typed = (name, fields = {}) => ({ '@type': `type.googleapis.com/envoy.${name}`, ...fields });
const socketAddress = (text) => {
  const [address, portValue] = text.trim().split(':');
  return { socket_address: { address, port_value: Number(portValue) } };
};
const ads = { ads: {}, resource_api_version: 'V3' };

const cluster = typed('config.cluster.v3.Cluster', {
  name: 'greeter',
  type: 'EDS',
  eds_cluster_config: { eds_config: ads },
  connect_timeout: '1s',
  typed_extension_protocol_options: {
    'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': typed(
      'extensions.upstreams.http.v3.HttpProtocolOptions',
      {
        explicit_http_config: { http2_protocol_options: {} },
      },
    ),
  },
});
const routes = typed('config.route.v3.RouteConfiguration', {
  name: 'routes',
  virtual_hosts: [{ name: 'all', domains: ['*'], routes: [{ match: { prefix: '/' }, route: { cluster: 'greeter' } }] }],
});
const http = typed('extensions.filters.network.http_connection_manager.v3.HttpConnectionManager', {
  stat_prefix: 'http',
  rds: { route_config_name: 'routes', config_source: ads },
  http_filters: [{ name: 'router', typed_config: typed('extensions.filters.http.router.v3.Router') }],
});
const listener = (fields) => typed('config.listener.v3.Listener', fields);
const forEnvoy = listener({
  name: 'ingress',
  address: socketAddress(ingress),
  filter_chains: [{ filters: [{ name: 'http', typed_config: http }] }],
});
const forGrpc = listener({ name: 'greeter', api_listener: { api_listener: http } });
const assignment = () => {
  const addresses = readFileSync(endpointsFile, 'utf8').trim().split('\n');
  const endpoints = addresses.map((text) => ({ endpoint: { address: socketAddress(text) } }));
  const locality = { locality: {}, load_balancing_weight: 1, lb_endpoints: endpoints };
  return typed('config.endpoint.v3.ClusterLoadAssignment', { cluster_name: 'greeter', endpoints: [locality] });
};

const server = await createXdsServer({ address: '127.0.0.1', port: Number(port), credentials: 'plaintext' });
server.set([cluster, assignment(), routes, forGrpc].map((json) => resourceOf(json)));
server.set(
  [cluster, assignment(), routes, forEnvoy].map((json) => resourceOf(json)),
  'envoy-1',
);
process.on('SIGHUP', () => {
  for (const node of [undefined, 'envoy-1']) server.update({ set: [resourceOf(assignment())] }, node);
});
console.log(`xDS on port ${server.port}`);
