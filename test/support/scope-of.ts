import { entry, importedHosts, service } from './resolve-values.ts';

export const egress = (...hosts: readonly string[]) => ({ egress: [{ hosts: importedHosts(...hosts) }] });
export const services = [
  service('shop/reviews'),
  service('shop/ratings'),
  service('bank/accounts'),
  service('bank/vault', { 443: 'tls', 444: 'tls' }),
  entry('shop', 'api.example.com'),
  entry('bank', '*.example.com'),
];
