import type { InboundPool } from '../model/ir-inbound.ts';
import type { SidecarObject } from '../model/policy.ts';
import { provenance } from '../model/policy-provenance.ts';
import { byDefault, isWritten } from '../model/provenance.ts';
import { poolDecision } from './connection-pool.ts';

/** The bounds of the connections to a program's port: its ingress's own, whole (P24), else those of the Sidecar; undefined: none. */
export function inboundPool(sidecar: SidecarObject, position: number | undefined): InboundPool | undefined {
  const { ingress, inboundConnectionPool } = sidecar.spec;
  const own = position === undefined ? undefined : ingress[position]?.connectionPool;
  const value = own ?? inboundConnectionPool;
  if (value === undefined) return undefined;
  const path = own ? `spec.ingress[${position}].connectionPool` : 'spec.inboundConnectionPool';
  const lost = own && inboundConnectionPool ? [provenance(sidecar, 'spec.inboundConnectionPool')] : [];
  const block = { value, object: sidecar, path, lost };
  const { idleTimeout, httpVersion, ...pool } = poolDecision(block, {
    connectTimeout: byDefault(10_000, 'D4'),
  });
  return {
    ...pool,
    ...(isWritten(idleTimeout) && { idleTimeout }),
  };
}
