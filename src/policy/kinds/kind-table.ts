import type { KindDefinition } from '../kind-definition.ts';
import { authorizationPolicy } from './authorization-policy.ts';
import { destinationRule } from './destination-rule.ts';
import { healthCheck } from './health-check.ts';
import { peerAuthentication } from './peer-authentication.ts';
import { envoyFilter, gateway, proxyConfig, sidecar, workloadGroup } from './refused-networking.ts';
import {
  grpcRoute,
  httpRoute,
  namespace,
  policyTest,
  rateLimit,
  requestAuthentication,
  rollout,
  tcpRoute,
  telemetry,
  tlsRoute,
  trafficExtension,
  wasmPlugin,
} from './refused-others.ts';
import { service } from './service.ts';
import { serviceEntry } from './service-entry.ts';
import { virtualService } from './virtual-service.ts';
import { workloadEntry } from './workload-entry.ts';

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
