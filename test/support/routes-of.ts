import type { Route } from '../../src/model/ir-route.ts';
import type { Policy } from '../../src/model/policy.ts';
import type { HttpRule } from '../../src/model/virtual-service.ts';
import type { MeshParts } from './resolve-values.ts';
import { outboundPort, service, to, viewOf, virtualService } from './resolve-values.ts';

export const services = [
  service('shop/reviews'),
  service('shop/ratings'),
  service('shop/many', { 80: 'http', 9080: 'http' }),
];

export function routesOf(policies: readonly Policy[], namespace = 'shop', more: MeshParts = {}): readonly Route[] {
  return outboundPort(viewOf({ services, policies, ...more }, namespace), 'shop/reviews').routes;
}

export function routesOfRule(rule: Partial<HttpRule>, lines?: Readonly<Record<string, number>>): readonly Route[] {
  const http = [{ route: [to('reviews')], ...rule }];
  return routesOf([virtualService('shop/reviews', ['reviews'], http, ['*'], lines)]);
}
