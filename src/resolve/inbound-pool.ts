import type { ConnectionPoolDecision } from '../model/ir-destination.ts';
import type { SidecarObject } from '../model/policy.ts';
import { provenance } from '../model/policy-provenance.ts';
import { byDefault } from '../model/provenance.ts';
import { poolDecision } from './connection-pool.ts';

/** The bounds of the connections to a program's port: its ingress's own, whole (P24), else those of the Sidecar; undefined: none. */
export function inboundPool(sidecar: SidecarObject, position: number | undefined): ConnectionPoolDecision | undefined {
  const { ingress, inboundConnectionPool } = sidecar.spec;
  const own = position === undefined ? undefined : ingress[position]?.connectionPool;
  const value = own ?? inboundConnectionPool;
  if (value === undefined) return undefined;
  const path = own ? `spec.ingress[${position}].connectionPool` : 'spec.inboundConnectionPool';
  const lost = own && inboundConnectionPool ? [provenance(sidecar, 'spec.inboundConnectionPool')] : [];
  return poolDecision({ value, object: sidecar, path, lost }, { connectTimeout: byDefault(10_000, 'D4') });
}
