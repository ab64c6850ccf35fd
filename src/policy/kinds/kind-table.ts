import type { KindDefinition } from '../kind-definition.ts';
import { authorizationPolicy } from './authorization-policy.ts';
import { destinationRule } from './destination-rule.ts';
import { envoyFilter } from './envoy-filter.ts';
import { gateway } from './gateway.ts';
import { grpcRoute, httpRoute, tcpRoute, tlsRoute } from './gateway-routes.ts';
import { healthCheck } from './health-check.ts';
import { peerAuthentication } from './peer-authentication.ts';
import { proxyConfig } from './proxy-config.ts';
import { namespace, policyTest, rateLimit, rollout } from './refused-others.ts';
import { requestAuthentication } from './request-authentication.ts';
import { service } from './service.ts';
import { serviceEntry } from './service-entry.ts';
import { sidecar } from './sidecar.ts';
import { telemetry } from './telemetry.ts';
import { virtualService } from './virtual-service.ts';
import { trafficExtension, wasmPlugin } from './wasm-plugin.ts';
import { workloadEntry } from './workload-entry.ts';
import { workloadGroup } from './workload-group.ts';

/** Every kind of section 1.1 of policy-surface.md, served or refused by name; `v1/List` is expanded before it gets here. */
export const kindTable: readonly KindDefinition[] = [
  service,
  serviceEntry,
  workloadEntry,
  virtualService,
  destinationRule,
  peerAuthentication,
  authorizationPolicy,
  gateway,
  sidecar,
  workloadGroup,
  proxyConfig,
  envoyFilter,
  requestAuthentication,
  telemetry,
  namespace,
  wasmPlugin,
  trafficExtension,
  httpRoute,
  grpcRoute,
  tlsRoute,
  tcpRoute,
  rateLimit,
  healthCheck,
  rollout,
  policyTest,
];
